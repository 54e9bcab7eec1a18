"""Deleting old rows of `processed_events`, once their events cannot be delivered again."""

from __future__ import annotations

from datetime import datetime, timedelta

import peewee

from blog_app.background import jobs
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS
from blog_app.data.databases import LogicalDatabase
from blog_app.data.models import now

CLOCK_SKEW = timedelta(days=1)
BATCH_SIZE = 10_000


@jobs.every_in_each_database(timedelta(days=1), name="forget_handled_events_daily")  # The name in stored rows.
def delete_processed_events(database: LogicalDatabase) -> bool:
    """Delete a batch of the rows that are older than every delivery in any outbox; return whether more are left."""
    table = PROCESSED_EVENTS[database.name]
    old = table.select(table.event_id).where(table.processed_at < _oldest_published() - CLOCK_SKEW).limit(BATCH_SIZE)
    return bool(table.delete().where(table.event_id.in_(old)).execute() >= BATCH_SIZE)


def _oldest_published() -> datetime:
    """Return when the oldest event that is still in an outbox, dead deliveries included, was published."""
    oldest = (table.select(peewee.fn.MIN(table.published_at)).scalar() for table in DELIVERIES.values())
    return min(filter(None, oldest), default=now())
