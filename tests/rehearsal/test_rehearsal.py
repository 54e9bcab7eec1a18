"""The rehearsal with few rows; `make rehearsal` runs it with a million rows and checks response times too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blog_app.development.local.process import wait_until
from tests.helpers.threads import BackgroundCall
from tests.rehearsal.changes import Change
from tests.rehearsal.run import RETRY_MESSAGE, Outcome, rehearse
from tests.rehearsal.site import Site, site
from tests.rehearsal.traffic import Measured, open_transaction

pytestmark = pytest.mark.pgbouncer
WAITS = """
SELECT pid FROM pg_locks
WHERE relation = 'blog.posts'::regclass AND mode = 'AccessExclusiveLock' AND NOT granted
"""
SECONDS = 30


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site(tmp_path_factory.mktemp("migrations"), 20_000) as opened:
        yield opened


def test_requests_are_served_while_a_migration_waits_for_a_lock(place: Site) -> None:
    change = Change("Add a note", 'migrator.add_fields("posts", note=pw.TextField(null=True))', head="")
    with place.under_load() as traffic, traffic.measure() as measured:
        with open_transaction(place.url):
            made = BackgroundCall(place.run, change)
            assert wait_until(lambda: place.query(WAITS), SECONDS)
            enough = len(measured.times) + 50
            assert wait_until(lambda: len(measured.times) >= enough, SECONDS), "requests wait behind the migration"
            assert made.running
        assert any(RETRY_MESSAGE in line for line in made.result())
    assert measured.failures == []


def test_no_request_fails_while_risky_migrations_run(place: Site) -> None:
    outcomes = list(rehearse(place, held=0.8))
    assert len(outcomes) > 10
    assert [failure for outcome in outcomes for failure in outcome.load.failures] == []


@pytest.mark.parametrize(
    "measured",
    [
        Measured([0.1, 1.0], seconds=0.1),
        Measured([0.1] * 9, ["PATCH /posts/1: 503"], seconds=0.1),
        Measured([0.1], seconds=1.0),
        Measured(seconds=1.0),
    ],
)
def test_a_slow_a_failed_and_a_missing_request_count_as_disturbed(measured: Measured) -> None:
    assert Outcome("x", 1.0, 0, measured, min_rate=5.0).disturbed
