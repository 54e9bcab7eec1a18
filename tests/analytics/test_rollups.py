"""Storage, rollups, partitions and salts of page views."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import orjson
import pytest
from flask import Flask
from hypothesis import given, settings, strategies as st

from blog_app.analytics import partitions, rollups, storage, visitors
from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView, PageView, VisitorSalt
from blog_app.background.outbox.tables import DELIVERIES
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.development.local.process import wait_until
from blog_app.operations.deploy import backups, programs
from tests.analytics.conftest import Counting
from tests.conftest import empty_all_tables
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall, has_lock_waiters

pytestmark = pytest.mark.redis

POSTS = [UUID(int=number) for number in (1, 2, 3)]
HOSTS = [None, "news.example.com", "pub.example.org"]
START = now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)

views = st.fixed_dictionaries(
    {
        "at": st.integers(0, 2 * 86_400 - 1).map(lambda second: START + timedelta(seconds=second)),
        "post": st.sampled_from(POSTS),
        "host": st.sampled_from(HOSTS),
        "visitor": st.sampled_from([None, b"a" * 16, b"b" * 16, b"c" * 16]),
    }
)
batches = st.lists(st.tuples(st.lists(views, min_size=1, max_size=8), st.booleans(), st.booleans()), max_size=6)


def batch_of(found: list[dict]) -> bytes:
    rows = [
        {
            "id": uuid4(),
            "viewed_at": each["at"],
            "post_id": each["post"],
            "author_id": UUID(int=9),
            "referrer": each.get("host"),
            "visitor": each["visitor"].hex() if each.get("visitor") else None,
        }
        for each in found
    ]
    return orjson.dumps(rows)


def store(app: Flask, *found: bytes) -> None:
    with app.app_context(), databases.analytics.atomic():
        storage.store_batches(found)


def view(at: datetime, post: UUID = POSTS[0]) -> bytes:
    return batch_of([{"at": at, "post": post}])


@settings(max_examples=20)
@given(batches=batches)
def test_rollups_equal_a_naive_count(counting: Counting, batches: list) -> None:
    empty_all_tables()
    for found, again, roll in batches:
        batch = batch_of(found)
        store(counting.app, *[batch] * (1 + again))
        if roll:
            counting.run("roll_up_days")
    while DailyTotal.select().where(DailyTotal.stale).exists():
        counting.run("roll_up_days")
    counting.run("roll_up_days")  # Once more changes nothing.

    everything = [each for found, _, _ in batches for each in found]
    seen, by_post, by_host, by_day = defaultdict(set), Counter(), Counter(), Counter()
    for each in everything:
        day = each["at"].date()
        by_post[each["post"], day] += 1
        by_day[day] += 1
        if each["host"]:
            by_host[each["post"], day, each["host"]] += 1
        if each["visitor"]:
            seen[each["post"], day].add(each["visitor"])
            seen[day].add(each["visitor"])
    assert {(row.post_id, row.day): (row.views, row.visitors) for row in DailyView.select()} == {
        key: (number, len(seen[key])) for key, number in by_post.items()
    }
    assert {(row.post_id, row.day, row.referrer): row.views for row in DailyReferrer.select()} == by_host
    assert {row.day: (row.views, row.visitors) for row in DailyTotal.select()} == {
        day: (number, len(seen[day])) for day, number in by_day.items()
    }
    published = sum((Counter(row.payload["views"]) for row in DELIVERIES["analytics"].select()), Counter())
    assert published == Counter(str(each["post"]) for each in everything)


def test_views_stored_during_a_rollup_are_counted_by_the_next(counting: Counting, instant: datetime) -> None:
    store(counting.app, view(instant))
    counted, may_end = threading.Event(), threading.Event()

    def roll_up() -> None:
        with databases.analytics.atomic():
            rollups.roll_up_days()
            counted.set()
            may_end.wait(TIMEOUT_SECONDS)
        databases.analytics.release()

    def store_late() -> None:
        store(counting.app, view(instant))

    rolling_up = BackgroundCall(roll_up)
    assert counted.wait(TIMEOUT_SECONDS)
    late_store = BackgroundCall(store_late)
    assert wait_until(lambda: has_lock_waiters(databases.analytics), TIMEOUT_SECONDS)
    may_end.set()
    rolling_up.result()
    late_store.result()
    assert DailyTotal.get().stale
    counting.run("roll_up_days")
    assert (DailyTotal.get().views, DailyView.get().views) == (2, 2)


def test_partitions_are_created_ahead_and_on_demand(counting: Counting, instant: datetime) -> None:
    for month in months():
        drop(month)
    store(counting.app, view(instant))
    this = partitions.month_of(instant.date())
    assert months() == {this}
    counting.run("make_partitions")
    assert months() == {this, partitions.month_of(this, 1), partitions.month_of(this, 2)}


def test_expired_partitions_are_rolled_up_and_dropped(
    counting: Counting, instant: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    recent, expired = (months_before(instant, number) for number in (3, 4))
    store(counting.app, view(recent))
    with monkeypatch.context() as patch:
        patch.setattr(partitions, "retention_start", lambda: expired)
        store(counting.app, view(expired), view(expired))
    counting.run("drop_old_partitions")
    assert partitions.month_of(expired.date()) not in months()
    assert partitions.month_of(recent.date()) in months()
    assert (PageView.select().count(), DailyView.get(DailyView.day == expired.date()).views) == (1, 2)


def test_invalid_and_untimely_views_are_dropped(counting: Counting, instant: datetime, caplog) -> None:
    early, late = view(months_before(instant, 4)), view(instant + timedelta(days=2))
    nonsense = view(instant).replace(b'"post_id":"', b'"post_id":"no ')
    store(counting.app, early, late, b"not JSON", b'[{"id": 1}]', b"{}", b"[[]]", nonsense, view(instant))
    assert PageView.select().count() == 1
    assert "too old, or in the future" in caplog.text
    assert "an invalid batch of page views is dropped" in caplog.text


def test_a_salt_is_shared_for_a_day_and_deleted_after_it(
    counting: Counting, instant: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = instant.date()
    one, other = visitors.Salts(), visitors.Salts()
    assert one.salt_of(today) == other.salt_of(today) != b""
    assert one.salt_of(today - timedelta(days=1)) is None  # Nobody came then; what comes now is too late for a salt.
    yesterdays = bytes(VisitorSalt.get().salt)

    tomorrow = datetime.combine(today + timedelta(days=1), datetime.min.time(), UTC)
    monkeypatch.setattr(visitors, "now", lambda: tomorrow + timedelta(minutes=59))
    counting.run("destroy_old_salts")
    assert one.salt_of(today) == other.salt_of(today) == visitors.Salts().salt_of(today) == yesterdays
    monkeypatch.setattr(visitors, "now", lambda: tomorrow + timedelta(minutes=61))
    counting.run("destroy_old_salts")
    assert not VisitorSalt.select().exists()
    assert one.salt_of(today) is other.salt_of(today) is None
    assert one.salt_of(tomorrow.date()) not in (None, yesterdays)


def test_backups_contain_no_salt(counting: Counting, instant: datetime, tmp_path: Path) -> None:
    assert visitors.Salts().salt_of(instant.date())
    file = backups.dump(counting.app.config["SETTINGS"], "analytics", tmp_path)
    listed = programs.run(programs.newest("pg_restore"), None, ["--list", str(file)])
    assert "TABLE DATA analytics daily_views" in listed
    assert "TABLE analytics visitor_salts" in listed
    assert "TABLE DATA analytics visitor_salts" not in listed


def months() -> set[date]:
    return partitions.existing_months()


def drop(month: date) -> None:
    with databases.analytics.atomic():
        databases.analytics.declare_write(PageView, ())
        databases.analytics.execute_sql(f"DROP TABLE analytics.page_views_{month:%Y_%m}")


def months_before(instant: datetime, number: int) -> datetime:
    first = partitions.month_of(instant.date(), -number)
    return datetime(first.year, first.month, 15, tzinfo=UTC)
