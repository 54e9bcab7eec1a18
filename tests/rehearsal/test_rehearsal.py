"""The rehearsal with few rows, as a test; `make rehearsal` does it with a million."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.run import Outcome, rehearse
from tests.rehearsal.traffic import Seen


@pytest.mark.pgbouncer
def test_no_request_fails_or_waits_long_while_risky_changes_are_made(tmp_path: Path) -> None:
    # Longer than a request may take in a real rehearsal: the machine of the tests has other things to do.
    outcomes = list(rehearse(tmp_path, 20_000, held=0.8, longest=5.0))
    assert len(outcomes) > 10
    assert [failure for outcome in outcomes for failure in outcome.seen.failures] == []
    assert [str(outcome) for outcome in outcomes[1:] if outcome.hurt] == []
    assert any(outcome.tries for outcome in outcomes), "nobody ever held a lock in the way"


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
