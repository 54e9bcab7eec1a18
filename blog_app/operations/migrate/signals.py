"""Signal handling: Ctrl-C (SIGINT) or SIGTERM cancels the running statement at the server and then stops the run.

Without this the driver notices a signal only when the statement has ended, and the server works on without the process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import set_wait_callback

from blog_app.data.databases.polling import poll_until_done

_handling, _interrupted = threading.Event(), threading.Event()


class Stopped(KeyboardInterrupt):
    """A signal stopped the run; `str()` says what is done and how to resume."""


@contextmanager
def handle_signals() -> Iterator[None]:
    """Let both signals cancel the statements of every `Connection` inside."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _interrupted.clear()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    _handling.set()
    try:
        yield
    finally:
        _handling.clear()
        signal.signal(signal.SIGTERM, before)


@contextmanager
def cancellable() -> Iterator[None]:
    """Make the statement inside cancellable; raise `KeyboardInterrupt` if it was, even if it ended before that."""
    if not _handling.is_set():
        yield
        return
    set_wait_callback(_wait)
    try:
        yield
    finally:
        set_wait_callback(None)
        if _interrupted.is_set():
            _interrupted.clear()
            raise KeyboardInterrupt


def _wait(connection: Any) -> None:
    while True:
        try:
            return poll_until_done(connection)
        except KeyboardInterrupt:
            if _interrupted.is_set():  # The second signal does not wait for the server.
                raise
            _interrupted.set()
            connection.cancel()


@contextmanager
def defer_signals() -> Iterator[threading.Event]:
    """Yield an event that both signals set, so that work which must not be interrupted can end in its own time."""
    signalled = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, lambda *_: signalled.set()) for number in numbers}
    try:
        yield signalled
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
