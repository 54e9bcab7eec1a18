"""The monthly partitions (UTC) of `page_views`, named like `page_views_2026_11`, and their retention.

The worker creates those of the next months, and drops expired ones once their days are rolled up. Storing a view
creates a missing partition, so none is missing after a long downtime either. There is no default partition: a view from
before the retention period, or from the future by a wrong clock, is not stored (`storage`).
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
from blog_app.data.databases import DatabaseUnreachable, move_record
from blog_app.data.models import now

MONTHS_AHEAD = 2
PARTITION_NAME = re.compile(r"page_views_(\d{4})_(\d\d)")
SELECT_PARTITIONS = """
SELECT c.relname FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'analytics.page_views'::regclass
"""


def month_of(day: date, plus: int = 0) -> date:
    """Return the first day of a day's month, or of the month `plus` months later."""
    months = day.year * 12 + day.month - 1 + plus
    return date(months // 12, months % 12 + 1, 1)


def retention_start() -> datetime:
    """Return the time from which on page views are kept."""
    return _start(month_of(now().date(), -settings().view_months))


def existing_months() -> set[date]:
    """Return the months that have a partition."""
    names = [name for (name,) in databases.analytics.execute_sql(SELECT_PARTITIONS).fetchall()]
    return {date(int(match[1]), int(match[2]), 1) for name in names if (match := PARTITION_NAME.fullmatch(name))}


def ensure_partitions(months: Iterable[date]) -> None:
    """Create the missing partitions of these months in the running transaction, without blocking inserts."""
    missing = set(months) - existing_months()
    if not missing:
        return
    if _is_moving():
        raise DatabaseUnreachable("analytics is being moved: it gets no new partition until the move is confirmed")
    databases.analytics.declare_write(PageView, ())
    databases.analytics.execute_sql("LOCK TABLE analytics.page_views IN SHARE UPDATE EXCLUSIVE MODE")
    for month in sorted(missing - existing_months()):
        name = _name(month)
        # Attached, because CREATE … PARTITION OF would block reads and writes.
        databases.analytics.execute_sql(f"CREATE TABLE {name} (LIKE analytics.page_views INCLUDING ALL)")
        databases.analytics.execute_sql(
            f"ALTER TABLE analytics.page_views ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)",
            (_start(month), _start(month_of(month, 1))),
        )


@jobs.every(timedelta(hours=12), databases.analytics)
def make_partitions() -> None:
    """Create the partitions of this month and the next ones."""
    ensure_partitions(month_of(now().date(), plus) for plus in range(MONTHS_AHEAD + 1))


@jobs.every(timedelta(hours=12), databases.analytics)
def drop_old_partitions() -> None:
    """Drop the partitions before the retention period; their daily rollups stay."""
    expired = {month for month in existing_months() if _start(month) < retention_start()}
    if not expired or _is_moving():
        return
    roll_up_all(before=retention_start().date())
    databases.analytics.declare_write(PageView, ())
    databases.analytics.execute_sql("SET LOCAL lock_timeout = '2s'")
    for month in sorted(expired):
        databases.analytics.execute_sql(f"DROP TABLE {_name(month)}")


def _is_moving() -> bool:
    """Return whether analytics is being moved to another server: source and target must have the same partitions."""
    return move_record.find_move(databases.analytics, "analytics") is not None


def _name(month: date) -> str:
    return f"analytics.page_views_{month:%Y_%m}"


def _start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)
