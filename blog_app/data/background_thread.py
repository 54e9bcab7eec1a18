"""Background threads of a process: they start on demand, start again after a fork, and flush buffers at exit."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable

from blog_app.data.backoff import delay


class BackgroundThread:
    """A daemon thread that runs `target` while it is needed. After a fork the child calls `after_fork` and has none."""

    def __init__(self, name: str, target: Callable[[], None], *, after_fork: Callable[[], None] | None = None) -> None:
        self._name = name
        self._target = target
        self._after_fork = after_fork
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self.stopped = threading.Event()
        _threads.add(self)

    def is_running(self) -> bool:
        """Return whether the thread has started and not ended."""
        return self._thread is not None and self._thread.is_alive()

    def ensure_running(self) -> None:
        """Start the thread unless it runs, or was stopped."""
        if not self.is_running():
            with self._start_lock:
                if not self.is_running() and not self.stopped.is_set():
                    self._thread = threading.Thread(target=self._target, name=self._name, daemon=True)
                    self._thread.start()

    def join(self, timeout: float) -> None:
        """Return when the thread has ended, at the latest after `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)

    def stop(self) -> None:
        """Ask the thread to end, for good: `target` watches `stopped`."""
        self.stopped.set()

    def handle_fork(self) -> None:
        """Begin anew in the child of a fork: the parent's thread is not here, and may have held the locks."""
        was_stopped = self.stopped.is_set()
        self._thread, self._start_lock, self.stopped = None, threading.Lock(), threading.Event()
        if was_stopped:
            self.stopped.set()
        if self._after_fork:
            self._after_fork()


class PeriodicFlush(BackgroundThread):
    """A thread that calls `flush` every few seconds, with backoff while it returns False, and once more at exit."""

    def __init__(
        self, name: str, flush: Callable[[], bool], seconds: float, max_backoff: float, after_fork: Callable[[], None]
    ) -> None:
        super().__init__(name, self._run, after_fork=after_fork)
        self.flush = flush
        self._seconds = seconds
        self._max_backoff = max_backoff

    def _run(self) -> None:
        failures, seconds = 0, self._seconds
        while not self.stopped.wait(seconds):
            failures = 0 if self.flush() else failures + 1
            seconds = delay(failures, first=self._seconds, longest=self._max_backoff) if failures else self._seconds


_threads: weakref.WeakSet[BackgroundThread] = weakref.WeakSet()


@atexit.register
def _flush_at_exit() -> None:
    for thread in list(_threads):
        if isinstance(thread, PeriodicFlush):
            thread.flush()


def _handle_fork() -> None:
    for thread in list(_threads):
        thread.handle_fork()


os.register_at_fork(after_in_child=_handle_fork)
