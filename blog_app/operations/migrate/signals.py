"""Ctrl-C, or SIGTERM as a platform sends it, while the server works: it cancels the statement and then stops the run.

Left to itself the driver would not notice before the statement ends, and the server would work on without the process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from psycopg2.extensions import set_wait_callback

from blog_app.data.databases.polling import poll_until_done

_heeded, _pending = threading.Event(), threading.Event()


class Stopped(KeyboardInterrupt):
    """Somebody stopped the run; `str()` says what is done and how to go on."""


@contextmanager
def heeded() -> Iterator[None]:
    """Heed both signals inside, in every statement of a `Connection`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _pending.clear()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    _heeded.set()
    try:
        yield
    finally:
        _heeded.clear()
        signal.signal(signal.SIGTERM, before)


@contextmanager
def raised() -> Iterator[None]:
    """Raise `KeyboardInterrupt` if a statement inside was interrupted, also one that ended before it was cancelled."""
    if not _heeded.is_set():
        yield
        return
    set_wait_callback(_wait)
    try:
        yield
    finally:
        set_wait_callback(None)
        if _pending.is_set():
            _pending.clear()
            raise KeyboardInterrupt


def _wait(connection: Any) -> None:
    while True:
        try:
            return poll_until_done(connection)
        except KeyboardInterrupt:
            if _pending.is_set():  # The second time: now.
                raise
            _pending.set()
            connection.cancel()


@contextmanager
def put_off() -> Iterator[threading.Event]:
    """Yield an event that both signals set, instead of interrupting what must not be."""
    came = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: came.set()) for number in signals]
    try:
        yield came
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
