"""The rehearsal with few rows, as a test; `make rehearsal` does it with a million."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.rehearsal.run import SLOWEST, rehearse


@pytest.mark.pgbouncer
def test_no_request_fails_or_waits_long_while_risky_changes_are_made(tmp_path: Path) -> None:
    outcomes = list(rehearse(tmp_path, 20_000, held=1.5))
    assert len(outcomes) > 10
    assert [failure for outcome in outcomes for failure in outcome.seen.failures] == []
    slow = [str(outcome) for outcome in outcomes[1:] if outcome.seen.slowest >= SLOWEST]
    assert slow == []
    assert any(outcome.tries for outcome in outcomes), "nobody ever held a lock in the way"
