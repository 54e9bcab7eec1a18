"""Background threads of a test: it waits for them with a time limit, and raises what one of them raises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Generic, Self, TypeVar

from blog_app.data import databases
from blog_app.data.databases import LogicalDatabase

Result = TypeVar("Result")
TIMEOUT_SECONDS = 60
"""How long a call may take."""


class BackgroundCall(Generic[Result]):
    """A call that runs in a thread of its own, started at once."""

    def __init__(self, function: Callable[..., Result], *arguments: object) -> None:
        self._future: Future[Result] = Future()
        Thread(target=self._run, args=(function, *arguments), daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether it has neither returned nor raised yet."""
        return not self._future.done()

    def result(self, seconds: float = TIMEOUT_SECONDS) -> Result:
        """Wait for its end; return what it returned, or raise what it raised."""
        return self._future.result(seconds)

    def _run(self, function: Callable[..., Result], *arguments: object) -> None:
        try:
            self._future.set_result(function(*arguments))
        except BaseException as error:
            self._future.set_exception(error)


def run_in_parallel(*functions: Callable[[], Result], max_threads: int = 16) -> list[Result]:
    """Run the functions in parallel threads, started together; return what each of them returned."""
    number = min(max_threads, len(functions))
    ready = Barrier(number, timeout=TIMEOUT_SECONDS)

    def call(function: Callable[[], Result]) -> Result:
        try:
            return function()
        finally:
            for database in databases.ALL:
                database.release()

    with ThreadPoolExecutor(number, initializer=ready.wait) as pool:
        return list(pool.map(call, functions))


def has_lock_waiters(database: LogicalDatabase) -> bool:
    """Return whether any session waits for a lock on the server of `database`, which must not be in a transaction."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return bool(database.execute_sql(waiting).fetchall())


class BackgroundLoops:
    """Functions that run while a block runs, each in a thread; they return when the event `stopping` is set."""

    def __init__(self, *functions: Callable[[], None]) -> None:
        self.stopping = Event()
        self._functions = functions
        self.calls: list[BackgroundCall[None]] = []

    def __enter__(self) -> Self:
        self.calls = [BackgroundCall(function) for function in self._functions]
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        for call in self.calls:
            call.result()
