"""Storing batches of page views with deduplication, and publishing them as `posts.viewed`.

A row gets its key when the view is counted. A batch that is stored again, because a worker was killed after its commit
or Redis did not confirm a push, finds its rows: it changes and publishes nothing.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import peewee

from blog_app.analytics import partitions, queue
from blog_app.analytics.models import DailyTotal, PageView
from blog_app.background import jobs
from blog_app.background.outbox.publishing import publish_event
from blog_app.data import databases
from blog_app.data.models import now

log = logging.getLogger(__name__)

BATCHES_PER_RUN = 20
MAX_CLOCK_SKEW = timedelta(days=1)
FIELDS = (PageView.id, PageView.viewed_at, PageView.post_id, PageView.author_id, PageView.referrer, PageView.visitor)
COLUMNS = peewee.SQL("id, viewed_at, post_id, author_id, referrer, decode(visitor, 'hex')")
BATCH_ROWS = "jsonb_to_recordset(%s::jsonb) AS batch ({})".format(
    "id uuid, viewed_at timestamptz, post_id uuid, author_id uuid, referrer text, visitor text"
)


def store_batches(batches: Sequence[bytes]) -> None:
    """Store batches in the running transaction of analytics, and publish the number of views of each post."""
    viewed: Counter[str] = Counter()
    days: set[date] = set()
    for batch in batches:
        for post_id, viewed_at in _insert_batch(batch):
            viewed[str(post_id)] += 1
            days.add(viewed_at.date())
    if viewed:
        rows = [{"day": day, "stale": True} for day in sorted(days)]
        DailyTotal.insert_many(rows).on_conflict(
            conflict_target=[DailyTotal.day], update={DailyTotal.stale: True}
        ).execute()
        publish_event(databases.analytics, "posts.viewed", views=viewed)


@jobs.every(timedelta(seconds=1), databases.analytics)
def store_queued_views() -> Callable[[], bool] | None:
    """Store the oldest batches of the queue, and remove them from it after the commit."""
    batches = queue.oldest(BATCHES_PER_RUN)
    if not batches:
        return None
    store_batches(batches)

    def remove() -> bool:
        queue.remove(batches)
        return len(batches) == BATCHES_PER_RUN

    return remove


def _insert_batch(batch: bytes) -> list[tuple[UUID, datetime]]:
    """Insert the new rows of a batch; return the post and the time of each. An invalid batch is dropped."""
    try:
        with databases.analytics.atomic():
            return _insert_rows(orjson.loads(batch))
    except (ValueError, TypeError, KeyError, peewee.DataError) as error:
        log.error("an invalid batch of page views is dropped: %s", databases.first_line(error))
        return []


def _insert_rows(rows: list[dict[str, Any]]) -> list[tuple[UUID, datetime]]:
    earliest, latest = partitions.retention_start(), now() + MAX_CLOCK_SKEW
    times = [datetime.fromisoformat(row["viewed_at"]) for row in rows]
    accepted = [(row, at) for row, at in zip(rows, times, strict=True) if earliest <= at < latest]
    if len(accepted) < len(rows):
        log.warning("%d page views are dropped: too old, or in the future", len(rows) - len(accepted))
    partitions.ensure_partitions({partitions.month_of(at.date()) for _, at in accepted})
    source = peewee.SQL(BATCH_ROWS, [orjson.dumps([row for row, _ in accepted]).decode()])
    insert = PageView.insert_from(PageView.select(COLUMNS).from_(source), FIELDS).on_conflict_ignore()
    return list(insert.returning(PageView.post_id, PageView.viewed_at).tuples().execute())
