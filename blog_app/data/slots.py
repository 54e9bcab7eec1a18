"""Bulkheads: how many threads of a process may be busy with work that takes long, so that the others stay free.

A process has few threads. What may hold one for long has a number of slots, and few or no threads may wait for one;
cached reads and health checks need none, and always find a thread. Two kinds of work have slots:

* `list_reads`: lists that are read from a database. Half of the threads may do so; the others wait for a slot while
  the reads are short, as usual, and are refused at once while all slots are held by reads that run long.
* `password_hashes`, each of which takes 64 MB and all cores. A few threads may wait.

Guarantee: no wait is longer than the patience, and what is refused raises `Busy`, which becomes a 503.
"""

from __future__ import annotations

import threading
import time
from typing import NamedTuple

from flask import Flask

from blog_app.config import Settings

LIST_PATIENCE = 0.25
"""Seconds: far more than most lists take."""
HASH_PATIENCE = 5.0


class Busy(Exception):
    """All slots are taken, and none may be free soon."""


class Slots:
    """So many slots, each held by one thread: a context manager. At most `waiting` threads wait for one.

    Nobody waits beyond `patience` seconds after the last slot was taken: what has held all slots for so long may hold
    them for much longer.
    """

    def __init__(self, free: int, *, waiting: int, patience: float) -> None:
        self._free = free
        self._waiting = waiting
        self._patience = patience
        self._taken_at = 0.0
        self._released = threading.Condition()

    def __enter__(self) -> None:
        with self._released:
            if not self._free:
                self._wait()
            self._free -= 1
            self._taken_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        with self._released:
            self._free += 1
            self._released.notify()

    def _wait(self) -> None:
        if not self._waiting:
            raise Busy
        self._waiting -= 1
        try:
            left = self._taken_at + self._patience - time.monotonic()
            if not self._released.wait_for(lambda: self._free, left):
                raise Busy
        finally:
            self._waiting += 1


class ProcessSlots(NamedTuple):
    """The slots of a process."""

    list_reads: Slots
    password_hashes: Slots


def process_slots(settings: Settings) -> ProcessSlots:
    """Return the slots that the settings describe: all together leave a thread free, from three threads on."""
    threads = settings.web_threads
    waiting = max(0, threads - settings.list_reads - settings.password_hashes - 1)
    return ProcessSlots(
        Slots(settings.list_reads, waiting=threads, patience=LIST_PATIENCE),
        Slots(settings.password_hashes, waiting=waiting, patience=HASH_PATIENCE),
    )


def init_app(app: Flask) -> None:
    """Give `app` its slots."""
    app.extensions["slots"] = process_slots(app.config["SETTINGS"])


def slots(app: Flask) -> ProcessSlots:
    """Return the slots of this process."""
    found: ProcessSlots = app.extensions["slots"]
    return found
