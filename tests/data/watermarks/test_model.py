"""Model checking of the protocol, small settings in full; large ones: `python -m tests.data.watermarks.model`."""

import pytest

from .model.checker import explore, walk
from .model.settings import EVERYTHING, SMALL, WRONG
from .model.world import Protocol, Setting


@pytest.mark.parametrize("setting", SMALL.values(), ids=SMALL)
def test_the_promises_hold_in_every_order_of_steps(setting: Setting) -> None:
    result = explore(setting)
    assert not result.counterexamples, str(result)
    assert result.complete


@pytest.mark.parametrize(("protocol", "setting", "promise"), WRONG.values(), ids=WRONG)
def test_a_wrong_protocol_is_caught(protocol: Protocol, setting: Setting, promise: str) -> None:
    result = explore(setting, protocol, until=(promise,), limit=1_000_000)
    assert promise in result.counterexamples


def test_the_promises_hold_on_random_walks_with_every_fault() -> None:
    result = walk(EVERYTHING, seconds=2, seed=1)
    assert not result.counterexamples, str(result)
    assert all(result.counted.values()), f"a walk that never does one of these proves little: {result.counted}"
