"""A move that is killed at any step: writes go to one place at most, none is lost, and the next run ends it."""

from __future__ import annotations

import pytest

from tests.helpers import kill_steps
from tests.operations.move.conftest import Removal

# Of about 280 steps, those after 240 being the switch; `python -m tests.operations.move` kills at each.
SAMPLE = (60, 112, 195, 230, 247, 253, 262)


def write_somewhere(removal: Removal) -> int:
    """Write where writes are taken; return how many were. Not at both places, ever."""
    taken = [removal.writes(place) for place in ("source", "target")]
    assert taken != [True, True], removal.standings()
    return sum(taken)


def posts(removal: Removal, place: str) -> int:
    return removal.query(place, "SELECT count(*) FROM blog.posts WHERE title = 'one more'")[0][0]


def killed_there(removal: Removal, fatal: int) -> str:
    """Move, killed at this step; then go on; return how the first run ended."""
    ended, _ = kill_steps.run(removal.move, fatal=fatal)
    written = write_somewhere(removal)
    removal.move()
    written += write_somewhere(removal)
    assert removal.standings() == ("left", "serving")
    assert posts(removal, "target") == written
    return ended


def killed_on_the_way_back(removal: Removal, fatal: int) -> str:
    """Go back, killed at this step; then go on; return how the first run ended."""
    ended, _ = kill_steps.run(removal.back, fatal=fatal)
    written = write_somewhere(removal)
    if removal.standings() != (None, None):
        removal.back()
    written += write_somewhere(removal)
    assert removal.standings() == (None, None)
    assert posts(removal, "source") == written
    return ended


@pytest.mark.parametrize("fatal", SAMPLE)
def test_a_killed_move_goes_on(removal: Removal, fatal: int) -> None:
    assert killed_there(removal, fatal) == kill_steps.KILLED
