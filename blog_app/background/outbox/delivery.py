"""Delivering outbox events to their handlers, with retries and exponential backoff; cleaning `processed_events`.

A worker claims a delivery before it calls the handler: it commits that this attempt counts, and a time until which no
other worker takes this delivery or a later one of its subject. So an attempt counts however it ends, and no transaction
of the outbox is open while a handler runs. When the worker dies, another one takes the delivery after that time. So it
does when the worker only hangs, which sees by `attempts` then that the delivery is no longer its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import takewhile

import peewee

from blog_app.background import jobs
from blog_app.background.outbox.handlers import HANDLERS, Event, ServiceUnreachable
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS, Delivery, delete_delivered, mark_processed
from blog_app.data.backoff import Backoff, delay, retry
from blog_app.data.databases import DatabaseUnreachable, LogicalDatabase, TransactionLost, first_line
from blog_app.data.models import any_of, now

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 20
MAX_BACKOFF = timedelta(hours=1)
CLAIM = timedelta(seconds=30)
"""How long a worker has a delivery for itself."""
EXTERNAL_CLAIM = timedelta(minutes=5)
"""Of external handlers: longer than they may take, because a second effect begins when it ends."""
DELETE_TIMEOUT = 10.0
"""Seconds: how long a worker tries to delete what it has delivered if the outbox is unreachable just then."""
CLOCK_SKEW = timedelta(days=1)
CLEANUP_BATCH_SIZE = 10_000
NO_SORT = "SET LOCAL enable_sort = off"
"""Without statistics, as on a new table, PostgreSQL expects few rows and sorts them all instead of using the index."""


class AttemptDied(Exception):
    """Every attempt of a delivery was counted, and the last one did not end: its worker was killed, or hung."""


def handlers_with_due_deliveries(database: LogicalDatabase, handlers: Collection[str], backoff: Backoff) -> list[str]:
    """Return those of `handlers` for which `deliver_next` may find something, except those in `backoff`.

    It opens no transaction: an idle worker would open thousands.
    """
    table = DELIVERIES[database.name]
    awake = [name for name in handlers if name not in backoff]
    query = table.select(table.handler).where(_is_due(table), table.handler.in_(awake)).distinct()
    return sorted(name for (name,) in query.tuples())


def deliver_next(database: LogicalDatabase, handler: str, backoff: Backoff) -> int:
    """Deliver the next due event to a handler from the outbox of `database`, or a batch if it takes batches.

    Return how many deliveries were attempted; 0 if none is due, or other workers hold them all, or the handler is in
    `backoff`, to which it is added if its database is unreachable. Raise `DatabaseUnreachable` if the outbox is.
    """
    deliveries = _claim(database, handler) if handler not in backoff else []
    if deliveries:
        _attempt(deliveries, backoff)
    return len(deliveries)


def _claim(database: LogicalDatabase, handler: str) -> list[Delivery]:
    """Return the next due deliveries to a handler, claimed: with this attempt counted.

    One that was attempted before comes alone: should it be what kills workers, no other attempt dies with it.
    """
    table = DELIVERIES[database.name]
    with database.atomic():
        database.execute_sql(NO_SORT)
        due = _due(database, handler).limit(HANDLERS[handler].batch or 1)
        found = list(due.for_update("FOR UPDATE SKIP LOCKED", of=due.model))
        deliveries = list(takewhile(lambda each: not each.attempts, found)) or found[:1]
        if deliveries:
            attempts = deliveries[0].attempts + 1
            claimed = max(EXTERNAL_CLAIM if HANDLERS[handler].external else CLAIM, _backoff(attempts))
            update = table.update(attempts=attempts, due_at=now() + claimed)
            database.pipeline(update.where(_positions(deliveries)))
    for each in deliveries:
        each.attempts += 1
    return deliveries


def _is_due(table: type[Delivery]) -> peewee.Expression:
    return (table.due_at <= peewee.fn.now()) & table.dead_at.is_null()


def _due(database: LogicalDatabase, handler: str) -> peewee.ModelSelect:
    """Return the query for the due deliveries to a handler, the oldest first.

    A pending delivery blocks the later ones of the same subject, and no others.
    """
    table = DELIVERIES[database.name]
    queue = table.alias()
    first = queue.select(peewee.fn.MIN(queue.position)).where(
        (queue.handler == table.handler) & (queue.subject == table.subject) & queue.dead_at.is_null()
    )
    return (
        table.select()
        .where(_is_due(table) & (table.handler == handler) & (table.position == first))
        .order_by(table.due_at, table.position)
    )


def _positions(deliveries: Sequence[Delivery]) -> peewee.Expression:
    """Return the condition for these deliveries of one outbox."""
    return any_of(type(deliveries[0]).position, [each.position for each in deliveries], "bigint")


def _backoff(attempts: int) -> timedelta:
    return timedelta(seconds=delay(attempts, longest=MAX_BACKOFF.total_seconds()))


def _attempt(deliveries: Sequence[Delivery], backoff: Backoff) -> None:
    """Call the handler that these deliveries share; if a batch fails, attempt each delivery by itself."""
    first, started = deliveries[0], time.perf_counter()
    try:
        if first.attempts > MAX_ATTEMPTS:
            raise AttemptDied("the worker was killed, or hung, in the last attempt")
        _handle(deliveries)
    except Exception as error:
        if isinstance(error, DatabaseUnreachable | ServiceUnreachable):
            backoff.record_failure(first.handler)
        if isinstance(error, DatabaseUnreachable):
            log.warning("%s backs off: %s", first.handler, first_line(error))
        if isinstance(error, DatabaseUnreachable) and not isinstance(error, TransactionLost):
            _give_back(deliveries)
        elif len(deliveries) == 1:
            _postpone(first, error)
        elif not isinstance(error, TransactionLost):  # Else each is attempted by itself when the claim ends.
            for each in deliveries:
                _attempt([each], backoff)
    else:
        backoff.record_success(first.handler)
        retry(
            partial(delete_delivered, deliveries),
            DatabaseUnreachable,
            lambda error, seconds: log.warning("%s; next try in %.2g s", first_line(error), seconds),
            longest=DELETE_TIMEOUT,
            timeout=DELETE_TIMEOUT,
        )
        milliseconds = round((time.perf_counter() - started) * 1000, 2)
        fields = {"event": first.name, "handler": first.handler, "deliveries": len(deliveries)}
        log.info("%s to %s", first.name, first.handler, extra={"fields": {**fields, "milliseconds": milliseconds}})


def _handle(deliveries: Sequence[Delivery]) -> None:
    handler = HANDLERS[deliveries[0].handler]
    events = [Event(each.event_id, each.name, each.subject, each.payload, each.published_at) for each in deliveries]
    if handler.external:
        handler.function(events[0])
        return
    with handler.database.atomic():
        new = mark_processed(handler.database, [event.id for event in events], handler.name)
        events = [event for event in events if event.id in new]
        if handler.batch and events:
            handler.function(events)
        elif events:
            handler.function(events[0])


def _give_back(deliveries: Sequence[Delivery]) -> None:
    """Make deliveries due that could not be attempted, and take back the count."""
    table = type(deliveries[0])
    is_ours = table.attempts == deliveries[0].attempts
    table.update(attempts=table.attempts - 1, due_at=now()).where(_positions(deliveries) & is_ours).execute()


def _postpone(delivery: Delivery, error: Exception) -> None:
    """Schedule the next attempt of a delivery that failed, or mark it as dead after the last one."""
    table = type(delivery)
    changes: dict[str, object] = {"error": jobs.error_summary(error)}
    if delivery.attempts < MAX_ATTEMPTS:
        changes["due_at"] = due_at = now() + _backoff(delivery.attempts)
        # The later deliveries of the subject, which it blocks, too: no worker selects them before.
        same_queue = (table.handler == delivery.handler) & (table.subject == delivery.subject)
        is_later = (table.position > delivery.position) & table.dead_at.is_null()
        table.update(due_at=due_at).where(same_queue & is_later).execute()
        outcome = f"failed, next attempt at {due_at:%H:%M:%S}"
    else:
        changes["dead_at"] = now()
        outcome = "is dead"
    is_ours = (table.position == delivery.position) & (table.attempts == delivery.attempts)
    table.update(**changes).where(is_ours).execute()
    log.warning("%s to %s %s (attempt %s)", delivery.name, delivery.handler, outcome, delivery.attempts, exc_info=error)


@jobs.every_in_each_database(timedelta(days=1), name="forget_handled_events_daily")  # The name in stored rows.
def delete_processed_events(database: LogicalDatabase) -> bool:
    """Delete a batch of the rows that are older than every delivery in any outbox; return whether more are left."""
    table = PROCESSED_EVENTS[database.name]
    old = table.select(table.event_id).where(table.processed_at < _oldest_published() - CLOCK_SKEW)
    batch = old.limit(CLEANUP_BATCH_SIZE)
    return bool(table.delete().where(table.event_id.in_(batch)).execute() >= CLEANUP_BATCH_SIZE)


def _oldest_published() -> datetime:
    """Return when the oldest event that is still in an outbox, dead deliveries included, was published."""
    oldest = (table.select(peewee.fn.MIN(table.published_at)).scalar() for table in DELIVERIES.values())
    return min(filter(None, oldest), default=now())
