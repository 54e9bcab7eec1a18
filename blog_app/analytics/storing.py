"""Storing batches of page views, once.

A row's key is made where the view is counted. A batch that comes again, because a worker was killed after its commit,
or Redis did not confirm what it had taken, finds its rows and changes nothing: neither them, nor what others are told.
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

AT_ONCE = 20
"""Batches that the worker stores in one transaction."""
TOO_EARLY = timedelta(days=1)
"""How far ahead of ours another machine's clock may be."""
FIELDS = (
    PageView.id,
    PageView.viewed_at,
    PageView.post_id,
    PageView.author_id,
    PageView.referrer,
    PageView.visitor,
)
COLUMNS = peewee.SQL("id, viewed_at, post_id, author_id, referrer, decode(visitor, 'hex')")
BATCH = "jsonb_to_recordset(%s::jsonb) AS batch ({})".format(
    "id uuid, viewed_at timestamptz, post_id uuid, author_id uuid, referrer text, visitor text"
)


def store(batches: Sequence[bytes]) -> None:
    """Store batches in the running transaction of analytics, and tell others what was viewed how often."""
    viewed: Counter[str] = Counter()
    days: set[date] = set()
    for batch in batches:
        for post_id, viewed_at in _insert(batch):
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
    """Store the oldest batches of the queue; once they are committed, remove them from there."""
    batches = queue.oldest(AT_ONCE)
    if not batches:
        return None
    store(batches)

    def remove() -> bool:
        queue.remove(batches)
        return len(batches) == AT_ONCE

    return remove


def _insert(batch: bytes) -> list[tuple[UUID, datetime]]:
    """Insert the rows of a batch that are not there yet; return the post and the time of each of those."""
    try:
        with databases.analytics.atomic():
            return _inserted(orjson.loads(batch))
    except (ValueError, TypeError, KeyError, peewee.DataError) as error:
        log.error("a batch of page views makes no sense and is dropped: %s", databases.first_line(error))
        return []


def _inserted(rows: list[dict[str, Any]]) -> list[tuple[UUID, datetime]]:
    earliest, latest = partitions.oldest_kept(), now() + TOO_EARLY
    times = [datetime.fromisoformat(row["viewed_at"]) for row in rows]
    timely = [(row, at) for row, at in zip(rows, times, strict=True) if earliest <= at < latest]
    if len(timely) < len(rows):
        log.warning("%d page views are too old to be kept, or from the future", len(rows) - len(timely))
    partitions.ensure({partitions.month_of(at.date()) for _, at in timely})
    source = peewee.SQL(BATCH, [orjson.dumps([row for row, _ in timely]).decode()])
    insert = PageView.insert_from(PageView.select(COLUMNS).from_(source), FIELDS).on_conflict_ignore()
    return list(insert.returning(PageView.post_id, PageView.viewed_at).tuples().execute())
