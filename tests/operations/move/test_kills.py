"""A move that is killed at any step: writes go to one side at most, none is lost, and the next run ends it."""

from __future__ import annotations

import pytest

from tests.helpers import kill_steps
from tests.operations.move.conftest import Scenario

# Of about 280 steps; those after 240 belong to the switch. `python -m tests.operations.move` kills at each step.
SAMPLE = (60, 112, 195, 230, 247, 253, 262)


def write_somewhere(scenario: Scenario) -> int:
    """Write where writes are taken; return how many were. Not on both servers, ever."""
    taken = [scenario.writes(side) for side in ("source", "target")]
    assert taken != [True, True], scenario.standings()
    return sum(taken)


def posts(scenario: Scenario, side: str) -> int:
    return scenario.query(side, "SELECT count(*) FROM blog.posts WHERE title = 'one more'")[0][0]


def killed_there(scenario: Scenario, fatal: int) -> str:
    """Move, killed at this step; then go on; return how the first run ended."""
    ended, _ = kill_steps.run(scenario.move, fatal=fatal)
    written = write_somewhere(scenario)
    scenario.move()
    written += write_somewhere(scenario)
    assert scenario.standings() == ("left", "serving")
    assert posts(scenario, "target") == written
    return ended


def killed_on_the_way_back(scenario: Scenario, fatal: int) -> str:
    """Go back, killed at this step; then go on; return how the first run ended."""
    ended, _ = kill_steps.run(scenario.back, fatal=fatal)
    written = write_somewhere(scenario)
    if scenario.standings() != (None, None):
        scenario.back()
    written += write_somewhere(scenario)
    assert scenario.standings() == (None, None)
    assert posts(scenario, "source") == written
    return ended


@pytest.mark.parametrize("fatal", SAMPLE)
def test_a_killed_move_goes_on(scenario: Scenario, fatal: int) -> None:
    assert killed_there(scenario, fatal) == kill_steps.KILLED
