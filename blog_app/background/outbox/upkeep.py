"""Forgetting which events were handled, once they cannot come again."""

from __future__ import annotations

from datetime import datetime, timedelta

import peewee

from blog_app.background import jobs
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED
from blog_app.data.databases import ALL, LogicalDatabase
from blog_app.data.models import now

MARGIN = timedelta(days=1)
"""For clocks that differ."""
AT_ONCE = 10_000


def forget_handled_events(database: LogicalDatabase) -> bool:
    """Delete the lines of `processed_events` that are older than all that waits in any outbox; True if more is left."""
    table = PROCESSED[database.name]
    old = table.select(table.event_id).where(table.processed_at < _oldest_waiting() - MARGIN).limit(AT_ONCE)
    return bool(table.delete().where(table.event_id.in_(old)).execute() >= AT_ONCE)


def _oldest_waiting() -> datetime:
    """Return when the oldest event that is not delivered to everyone, dead ones included, was published."""
    oldest = (table.select(peewee.fn.MIN(table.published_at)).scalar() for table in DELIVERIES.values())
    return min(filter(None, oldest), default=now())


def _declare(database: LogicalDatabase) -> None:
    @jobs.every(timedelta(days=1), database)
    def forget_handled_events_daily() -> bool:
        return forget_handled_events(database)


for _database in ALL:
    _declare(_database)
