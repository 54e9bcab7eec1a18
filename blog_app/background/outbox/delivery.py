"""Delivering outbox events to their handlers, with retries and exponential backoff; cleaning `processed_events`.

The row of a delivery stays locked (`FOR UPDATE SKIP LOCKED`) until its handler has committed. When a worker dies,
PostgreSQL releases the lock and another worker takes the row. If the handler writes to the database that the event came
from, its work and the deletion of the row are one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import peewee

from blog_app.background import jobs
from blog_app.background.outbox.handlers import HANDLERS, Event, ServiceUnreachable
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS, Delivery, delete_delivered, mark_processed
from blog_app.data.backoff import Backoff, delay
from blog_app.data.databases import DatabaseUnreachable, LogicalDatabase
from blog_app.data.models import now

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 20
MAX_BACKOFF = timedelta(hours=1)
CLOCK_SKEW = timedelta(days=1)
CLEANUP_BATCH_SIZE = 10_000
NO_SORT = "SET LOCAL enable_sort = off"
"""Without statistics, as on a new table, PostgreSQL expects few rows and sorts them all instead of using the index."""


def handlers_with_due_deliveries(database: LogicalDatabase, backoff: Backoff) -> list[str]:
    """Return the handlers for which `deliver_next` may find something, except those in `backoff`.

    It opens no transaction: an idle worker would open thousands.
    """
    table = DELIVERIES[database.name]
    awake = [name for name in HANDLERS if name not in backoff]
    query = table.select(table.handler).where(_is_due(table), table.handler.in_(awake)).distinct()
    return sorted(name for (name,) in query.tuples())


def deliver_next(database: LogicalDatabase, handler: str, backoff: Backoff) -> int:
    """Deliver the next due event to a handler from the outbox of `database`, or a batch if it takes batches.

    Return how many deliveries were attempted; 0 if none is due, or other workers hold them all, or the handler is in
    `backoff`, to which it is added if its database is unreachable. Raise `DatabaseUnreachable` if the outbox is.
    """
    if handler in backoff:
        return 0
    with database.atomic():
        database.execute_sql(NO_SORT)
        due = _due(database, handler).limit(HANDLERS[handler].batch or 1)
        deliveries = list(due.for_update("FOR UPDATE SKIP LOCKED", of=due.model))
        if deliveries:
            _attempt(deliveries, backoff)
        return len(deliveries)


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


def _attempt(deliveries: Sequence[Delivery], backoff: Backoff) -> None:
    """Call the handler that these deliveries share; if a batch fails, attempt each delivery by itself."""
    name = deliveries[0].handler
    try:
        _handle(deliveries)
    except DatabaseUnreachable as error:
        log.warning("%s backs off: %s", name, error)
        backoff.record_failure(name)
    except Exception as error:
        if len(deliveries) > 1:
            for each in deliveries:
                _attempt([each], backoff)
            return
        if isinstance(error, ServiceUnreachable):
            backoff.record_failure(name)
        _postpone(deliveries[0], error)
    else:
        backoff.record_success(name)
        delete_delivered(deliveries)


def _handle(deliveries: Sequence[Delivery]) -> None:
    handler = HANDLERS[deliveries[0].handler]
    events = [Event(each.event_id, each.name, each.subject, each.payload, each.published_at) for each in deliveries]
    with handler.database.atomic():
        new = mark_processed(handler.database, [event.id for event in events], handler.name)
        events = [event for event in events if event.id in new]
        if handler.batch and events:
            handler.function(events)
        elif events:
            handler.function(events[0])


def _postpone(delivery: Delivery, error: Exception) -> None:
    """Schedule the next attempt of a delivery that failed, or mark it as dead after the last one."""
    delivery.attempts += 1
    delivery.error = jobs.error_summary(error)
    if delivery.attempts < MAX_ATTEMPTS:
        delivery.due_at = now() + timedelta(seconds=delay(delivery.attempts, longest=MAX_BACKOFF.total_seconds()))
        # The later deliveries of the subject, which it blocks, too: no worker selects them before.
        table = type(delivery)
        same_queue = (table.handler == delivery.handler) & (table.subject == delivery.subject)
        is_later = (table.position > delivery.position) & table.dead_at.is_null()
        table.update(due_at=delivery.due_at).where(same_queue & is_later).execute()
    else:
        delivery.dead_at = now()
    delivery.save()
    outcome = "is dead" if delivery.dead_at else f"failed, next attempt at {delivery.due_at:%H:%M:%S}"
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
