"""The partitions of `page_views`, one a month (UTC), named like `page_views_2026_11`.

The worker makes those of the months to come, and drops those that are too old once their days are rolled up. Whoever
stores views into a month without a partition makes it, so none is missing after a long rest either. There is no default
partition: a view from before the kept months, or from tomorrow, by a clock that is wrong, is not stored (`storing`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from blog_app.analytics.models import PageView
from blog_app.analytics.rollups import roll_up_all
from blog_app.background import jobs
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.databases import DatabaseAway, move_record
from blog_app.data.models import now

AHEAD = 2
"""Months to come that have a partition."""
NAME = re.compile(r"page_views_(\d{4})_(\d\d)")
PARTITIONS = """
SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'analytics.page_views'::regclass
"""


def month_of(day: date, plus: int = 0) -> date:
    """Return the first day of a day's month, or of the one that comes so many months later."""
    months = day.year * 12 + day.month - 1 + plus
    return date(months // 12, months % 12 + 1, 1)


def oldest_kept() -> datetime:
    """Return the instant from which on page views are kept."""
    first = month_of(now().date(), -settings().view_months)
    return datetime(first.year, first.month, 1, tzinfo=UTC)


def existing() -> set[date]:
    """Return the months that have a partition."""
    names = [name for (name,) in databases.analytics.execute_sql(PARTITIONS).fetchall()]
    return {date(int(match[1]), int(match[2]), 1) for name in names if (match := NAME.fullmatch(name))}


def ensure(months: Iterable[date]) -> None:
    """Make the partitions of these months that are not there, in the running transaction; nobody who stores waits."""
    missing = set(months) - existing()
    if not missing:
        return
    if _moving():
        raise DatabaseAway("analytics moves to another server: until that is confirmed it gets no new partition")
    databases.analytics.declare_write(PageView, ())
    databases.analytics.execute_sql("LOCK TABLE analytics.page_views IN SHARE UPDATE EXCLUSIVE MODE")
    for month in sorted(missing - existing()):
        name = _name(month)
        # Attached, not created in place: that would stop everybody who reads or stores.
        databases.analytics.execute_sql(f"CREATE TABLE {name} (LIKE analytics.page_views INCLUDING ALL)")
        databases.analytics.execute_sql(
            f"ALTER TABLE analytics.page_views ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
            (_start(month), _start(month_of(month, 1))),
        )


@jobs.every(timedelta(hours=12), databases.analytics)
def make_partitions() -> None:
    """Make the partitions of this month and of those to come."""
    ensure(month_of(now().date(), plus) for plus in range(AHEAD + 1))


@jobs.every(timedelta(hours=12), databases.analytics)
def drop_old_partitions() -> None:
    """Drop the page views of the months that are no longer kept; what they come to each day stays."""
    old = {month for month in existing() if _start(month) < oldest_kept()}
    if not old or _moving():
        return
    roll_up_all(before=oldest_kept().date())
    databases.analytics.declare_write(PageView, ())
    databases.analytics.execute_sql("SET LOCAL lock_timeout = '2s'")
    for month in sorted(old):
        databases.analytics.execute_sql(f"DROP TABLE {_name(month)}")


def _moving() -> bool:
    """Tell whether analytics moves to another server: both places must have the same partitions then."""
    return move_record.find_move(databases.analytics, "analytics") is not None


def _name(month: date) -> str:
    return f"analytics.page_views_{month:%Y_%m}"


def _start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
