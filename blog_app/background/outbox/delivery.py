"""Delivering what waits in an outbox.

The row of a delivery stays locked until its handler has committed. When a worker dies, PostgreSQL gives the lock back
at once and another worker takes the row. If the handler writes to the database that the event came from, its work and
the deletion of the row are even one transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

import peewee

from blog_app.background.outbox.publishing import HANDLERS, Away, Event
from blog_app.background.outbox.tables import DELIVERIES, Delivery, mark_processed, tick_off
from blog_app.data.backoff import Rests, pause
from blog_app.data.databases import DatabaseAway, LogicalDatabase, first_line
from blog_app.data.models import now

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 20
LONGEST_PAUSE = timedelta(hours=1)
MAX_ERROR_LENGTH = 500
IN_ORDER = "SET LOCAL enable_sort = off"
"""Without statistics, as in a new table, PostgreSQL thinks that little waits, and sorts all of it for each claim."""


def handlers_waited_for(database: LogicalDatabase, rests: Rests) -> list[str]:
    """Return the handlers for which `deliver_next` may find something; those in `rests` are left out.

    Without a transaction: an idle worker would begin thousands.
    """
    table = DELIVERIES[database.name]
    awake = [name for name in HANDLERS if name not in rests]
    query = table.select(table.handler).where(_is_due(table), table.handler.in_(awake)).distinct()
    return sorted(name for (name,) in query.tuples())


def deliver_next(database: LogicalDatabase, handler: str, rests: Rests) -> int:
    """Deliver what is due next to a handler in the outbox of `database`: one event, or a batch if it takes batches.

    Returns how many deliveries were tried; 0 if nothing is due, or others have it all, or the handler is in `rests`,
    where it comes if its databases cannot be reached. Raises `DatabaseAway` if the outbox itself cannot be reached.
    """
    if handler in rests:
        return 0
    with database.atomic():
        database.execute_sql(IN_ORDER)
        deliveries = _claim(_due(database, handler), HANDLERS[handler].batch or 1)
        if deliveries:
            _try(deliveries, rests)
        return len(deliveries)


def _is_due(table: type[Delivery]) -> peewee.Expression:
    return (table.due_at <= peewee.fn.now()) & table.dead_at.is_null()


def _due(database: LogicalDatabase, handler: str) -> peewee.ModelSelect:
    """Return the query for the due deliveries to a handler, the oldest first.

    One that waits holds up the later ones about the same subject, and no others.
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


def _claim(due: peewee.ModelSelect, most: int) -> list[Delivery]:
    return list(due.limit(most).for_update("FOR UPDATE SKIP LOCKED", of=due.model))


def _try(deliveries: Sequence[Delivery], rests: Rests) -> None:
    """Let their handler, which is one, handle these deliveries; if it fails for several, each by itself."""
    name = deliveries[0].handler
    try:
        _handle(deliveries)
    except DatabaseAway as error:
        log.warning("%s rests: %s", name, error)
        rests.begin(name)
    except Exception as error:
        if len(deliveries) > 1:
            for each in deliveries:
                _try([each], rests)
            return
        if isinstance(error, Away):
            rests.begin(name)
        _postpone(deliveries[0], error)
    else:
        rests.end(name)
        tick_off(deliveries)


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
    """Try again later, or never, after a failure that waiting for a database would not cure."""
    delivery.attempts += 1
    delivery.error = f"{type(error).__name__}: {first_line(error)}"[:MAX_ERROR_LENGTH]
    if delivery.attempts < MAX_ATTEMPTS:
        delivery.due_at = now() + pause(delivery.attempts, longest=LONGEST_PAUSE.total_seconds())
        _hold_up(delivery)
    else:
        delivery.dead_at = now()
    delivery.save()
    outcome = "is dead" if delivery.dead_at else f"failed, next try at {delivery.due_at:%H:%M:%S}"
    log.warning("%s to %s %s (attempt %s)", delivery.name, delivery.handler, outcome, delivery.attempts, exc_info=error)


def _hold_up(delivery: Delivery) -> None:
    """Let what comes after it, which cannot go before it, wait as long: nobody needs to look at that until then."""
    table = type(delivery)
    is_after = (
        (table.handler == delivery.handler)
        & (table.subject == delivery.subject)
        & (table.position > delivery.position)
        & table.dead_at.is_null()
    )
    table.update(due_at=delivery.due_at).where(is_after).execute()
