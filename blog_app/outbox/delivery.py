"""Delivering what waits in an outbox.

The row of a delivery stays locked until its handler has committed. When a worker dies, PostgreSQL gives the lock back
at once and another worker takes the row. If the handler writes to the database that the event came from, its work and
the deletion of the row are even one transaction.
"""

from __future__ import annotations

import logging
from datetime import timedelta

import peewee

from blog_app.databases import DatabaseAway, LogicalDatabase, first_line
from blog_app.models import now
from blog_app.outbox.publishing import HANDLERS, Away, Event
from blog_app.outbox.tables import DELIVERIES, Delivery, mark_processed
from blog_app.pauses import Rests, pause

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 20
LONGEST_PAUSE = timedelta(hours=1)
MAX_ERROR_LENGTH = 500


def anything_due(database: LogicalDatabase, rests: Rests) -> bool:
    """Return whether `deliver_next` may find something, without a transaction: an idle worker would begin thousands."""
    return bool(_due(database, rests).exists())


def deliver_next(database: LogicalDatabase, rests: Rests) -> bool:
    """Deliver what is due next in the outbox of `database`; return False if nothing is, or others have it all.

    Handlers in `rests` are passed over; a handler whose databases cannot be reached begins to rest.
    Raises `DatabaseAway` if the outbox itself cannot be reached.
    """
    with database.atomic():
        due = _due(database, rests)
        delivery = due.for_update("FOR UPDATE SKIP LOCKED", of=due.model).first()
        if delivery is None:
            return False
        try:
            _handle(delivery)
        except DatabaseAway as error:
            log.warning("%s rests: %s", delivery.handler, error)
            rests.begin(delivery.handler)
        except Exception as error:
            if isinstance(error, Away):
                rests.begin(delivery.handler)
            _postpone(delivery, error)
        else:
            rests.end(delivery.handler)
            delivery.delete_instance()
        return True


def _due(database: LogicalDatabase, rests: Rests) -> peewee.ModelSelect:
    """Return the query for the next due delivery to a handler that is known here and does not rest.

    One that waits holds up the later ones to the same handler about the same subject, and no others.
    """
    table = DELIVERIES[database.name]
    handlers = [name for name in HANDLERS if name not in rests]
    queue = table.alias()
    first = queue.select(peewee.fn.MIN(queue.position)).where(
        (queue.handler == table.handler) & (queue.subject == table.subject) & queue.dead_at.is_null()
    )
    return (
        table.select()
        .where(
            (table.due_at <= peewee.fn.now())
            & table.dead_at.is_null()
            & table.handler.in_(handlers)
            & (table.position == first)
        )
        .order_by(table.due_at, table.position)
        .limit(1)
    )


def _handle(delivery: Delivery) -> None:
    handler = HANDLERS[delivery.handler]
    event = Event(delivery.event_id, delivery.name, delivery.subject, delivery.payload, delivery.published_at)
    with handler.database.atomic():
        if mark_processed(handler.database, event.id, handler.name):
            handler.function(event)


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
