"""Calls that run beside a test: waited for with a limit, and what one of them raises, the test raises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Generic, Self, TypeVar

from blog_app.data import databases
from blog_app.data.databases import LogicalDatabase

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


def at_once(*functions: Callable[[], Result], most: int = 16) -> list[Result]:
    """Let functions run at once, `most` of them at a time, which begin together; return what each of them returned."""
    number = min(most, len(functions))
    ready = Barrier(number, timeout=SECONDS)

    def call(function: Callable[[], Result]) -> Result:
        try:
            return function()
        finally:
            for database in databases.ALL:
                database.release()

    with ThreadPoolExecutor(number, initializer=ready.wait) as pool:
        return list(pool.map(call, functions))


def somebody_waits(database: LogicalDatabase) -> bool:
    """Tell whether anybody waits for a lock on the server of `database`, which must not be in a transaction."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(database.execute_sql(waiting).fetchall())


class Company:
    """People who do the same again and again while a block runs, each in a thread, until it is `over`."""

    def __init__(self, *lives: Callable[[], None]) -> None:
        self.over = Event()
        self._lives = lives
        self.people: list[Beside[None]] = []

    def __enter__(self) -> Self:
        self.people = [Beside(life) for life in self._lives]
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for each in self.people:
            each.result()
