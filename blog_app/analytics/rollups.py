"""Daily rollups of page views: views, unique visitors and referrers by day (UTC).

A rollup is idempotent: it counts the whole day from its page views. Storing views, however late, marks their days as
stale and locks the day's row until the commit; a rollup locks the same row first. So no view is missed: it is counted
now, or its day is stale again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import peewee
from peewee import fn

from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView, PageView
from blog_app.background import jobs
from blog_app.data import databases

MAX_DAYS_PER_RUN = 10
AUTHOR = peewee.Cast(fn.MIN(peewee.Cast(PageView.author_id, "text")), "uuid")  # One author; UUIDs have no MIN.
VIEWS = fn.COUNT(peewee.SQL("*"))
VISITORS = fn.COUNT(PageView.visitor.distinct())


@jobs.every(timedelta(minutes=1), databases.analytics)
def roll_up_days() -> bool:
    """Roll up stale days; return whether more are left."""
    days = _stale_days(DailyTotal.stale)
    for day in days[:MAX_DAYS_PER_RUN]:
        roll_up_day(day)
    return len(days) > MAX_DAYS_PER_RUN


def roll_up_all(*, before: date) -> None:
    """Roll up all stale days before a day."""
    for day in _stale_days(DailyTotal.stale & (DailyTotal.day < before)):
        roll_up_day(day)


def roll_up_day(day: date) -> None:
    """Roll up one day in the running transaction."""
    DailyTotal.select().where(DailyTotal.day == day).for_update().first()
    start = datetime.combine(day, time(), UTC)
    of_day = (PageView.viewed_at >= start) & (PageView.viewed_at < start + timedelta(days=1))
    this_day = peewee.Cast(peewee.Value(day), "date")
    _upsert(
        DailyView,
        PageView.select(PageView.post_id, AUTHOR, this_day, VIEWS, VISITORS).where(of_day).group_by(PageView.post_id),
        ("post_id", "author_id", "day", "views", "visitors"),
    )
    _upsert(
        DailyReferrer,
        PageView.select(PageView.post_id, AUTHOR, this_day, PageView.referrer, VIEWS)
        .where(of_day & PageView.referrer.is_null(False))
        .group_by(PageView.post_id, PageView.referrer),
        ("post_id", "author_id", "day", "referrer", "views"),
    )
    _upsert(
        DailyTotal,
        PageView.select(this_day, VIEWS, VISITORS, peewee.Value(False)).where(of_day).having(VIEWS > 0),
        ("day", "views", "visitors", "stale"),
    )
    DailyTotal.update(stale=False).where(DailyTotal.day == day).execute()


def _stale_days(condition: Any) -> list[date]:
    rows = DailyTotal.select(DailyTotal.day).where(condition).order_by(DailyTotal.day).limit(1_000)
    return [day for (day,) in rows.tuples()]


def _upsert(model: Any, counted: Any, names: tuple[str, ...]) -> None:
    """Upsert the counted rows; a day's views only grow, so no row has to be deleted."""
    fields = {name: getattr(model, name) for name in names}
    keys = [field.name for field in model._meta.get_primary_keys()]
    model.insert_from(counted, list(fields.values())).on_conflict(
        conflict_target=[fields[name] for name in keys],
        preserve=[field for name, field in fields.items() if name not in keys],
    ).execute()
