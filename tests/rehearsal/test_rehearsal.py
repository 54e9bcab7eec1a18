"""The rehearsal with few rows, as a test; `make rehearsal` does it with a million, and looks at the clock too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from blog_app.development.local.process import wait_until
from tests.helpers.threads import BackgroundCall
from tests.rehearsal.changes import Change
from tests.rehearsal.run import RETRY_MESSAGE, Outcome, rehearse
from tests.rehearsal.site import Site, site
from tests.rehearsal.traffic import Seen, report

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


def test_people_are_served_while_a_change_waits_for_the_lock_that_somebody_holds(place: Site) -> None:
    change = Change("Add a note", 'migrator.add_fields("posts", note=pw.TextField(null=True))', head="")
    with place.visited() as traffic, traffic.watched() as seen:
        with report(place.url):
            made = BackgroundCall(place.make, change)
            assert wait_until(lambda: place.query(WAITS), SECONDS)
            enough = len(seen.times) + 50
            assert wait_until(lambda: len(seen.times) >= enough, SECONDS), "they wait behind the change"
            assert made.running
        assert any(RETRY_MESSAGE in line for line in made.result())
    assert seen.failures == []


def test_no_request_fails_while_risky_changes_are_made(place: Site) -> None:
    outcomes = list(rehearse(place, held=0.8))
    assert len(outcomes) > 10
    assert [failure for outcome in outcomes for failure in outcome.seen.failures] == []


@pytest.mark.parametrize(
    "seen",
    [
        Seen([0.1, 1.0], seconds=0.1),
        Seen([0.1] * 9, ["PATCH /posts/1: 503"], seconds=0.1),
        Seen([0.1], seconds=1.0),
        Seen(seconds=1.0),
    ],
)
def test_a_slow_request_a_failed_one_and_people_who_are_not_there_count_as_hurt(seen: Seen) -> None:
    assert Outcome("x", 1.0, 0, seen, fewest=5.0).hurt
