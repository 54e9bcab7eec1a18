"""Calls that run beside a test: waited for with a limit, and what one of them raises, the test raises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Barrier, Thread
from typing import Generic, TypeVar

Result = TypeVar("Result")
SECONDS = 60
"""How long a call may take."""


class Beside(Generic[Result]):
    """A call that runs in a thread of its own from now on."""

    def __init__(self, function: Callable[..., Result], *arguments: object) -> None:
        self._future: Future[Result] = Future()
        Thread(target=self._run, args=(function, *arguments), daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether it has neither returned nor raised yet."""
        return not self._future.done()

    def result(self, seconds: float = SECONDS) -> Result:
        """Wait for its end; return what it returned, or raise what it raised."""
        return self._future.result(seconds)

    def _run(self, function: Callable[..., Result], *arguments: object) -> None:
        try:
            self._future.set_result(function(*arguments))
        except BaseException as error:
            self._future.set_exception(error)


def at_once(*functions: Callable[[], Result]) -> list[Result]:
    """Let all functions begin at the same moment; return what each of them returned."""
    ready = Barrier(len(functions), timeout=SECONDS)

    def call(function: Callable[[], Result]) -> Result:
        ready.wait()
        return function()

    return [each.result() for each in [Beside(call, function) for function in functions]]
