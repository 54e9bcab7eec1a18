"""`python -m tests.operations.move [FIRST [STRIDE]]`: a move, and a way back, killed at each step in turn."""

from __future__ import annotations

import sys
import traceback

from blog_app.development.local.stack import Stack, throwaway
from tests.helpers import kill_steps
from tests.operations.move.conftest import Scenario, clear, fill, make_scenario
from tests.operations.move.test_kills import killed_on_the_way_back, killed_there


def there(scenario: Scenario, fatal: int) -> str:
    return killed_there(scenario, fatal)


def back(scenario: Scenario, fatal: int) -> str:
    scenario.move()
    return killed_on_the_way_back(scenario, fatal)


def each(stack: Stack, first: int, stride: int) -> int:
    """Return after how many steps a kill did harm."""
    harm, pair = 0, make_scenario(stack)
    for way in (there, back):
        fatal, ended = first, kill_steps.KILLED
        while ended == kill_steps.KILLED:
            clear(pair, stack)
            scenario = fill(Scenario(pair.settings, pair.source, pair.target))
            try:
                ended = way(scenario, fatal)
                print(way.__name__, fatal, ended, flush=True)
            except Exception:
                harm += 1
                print(way.__name__, fatal, "HARM", scenario.standings(), scenario.reported[-3:], flush=True)
                traceback.print_exc()
            fatal += stride
    return harm


with throwaway() as servers:
    sys.exit(bool(each(servers, *map(int, [*sys.argv[1:], "1", "1"][:2]))))
