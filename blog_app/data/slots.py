"""Bulkheads: how many threads of a process may be busy with work that takes long, so that the others stay free.

A process has few threads. What may hold one for long has a number of slots, and few or no threads may wait for one;
cached reads and health checks need none, and always find a thread. Two kinds of work have slots:

* `list_reads`: lists that are read from a database. Half of the threads may do so; the others wait for a slot while
  the reads are short, as usual, and are refused at once while all slots are held by reads that run long.
* `password_hashes`, each of which takes 64 MB and all cores. A few threads may wait.

Guarantee: no thread waits while no slot changes hands for longer than the patience; what is refused raises `Busy`,
which becomes a 503.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import NamedTuple

from flask import Flask

from blog_app.config import Settings

LIST_PATIENCE = 0.25
"""Seconds: far more than most lists take."""
HASH_PATIENCE = 5.0


class Busy(Exception):
    """All slots are taken, and none may be free soon."""


class Slots:
    """So many slots, each held by one thread: a context manager. At most `waiting` threads wait, in their order.

    A thread gives up when no slot has changed hands for `patience` seconds: what has held all of them for so long may
    hold them for much longer. While they change hands its turn comes.
    """

    def __init__(self, free: int, *, waiting: int, patience: float) -> None:
        self._free = free
        self._waiting = waiting
        self._patience = patience
        self._taken_at = 0.0
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                self._taken_at = time.monotonic()
                return
            if len(self._queue) >= self._waiting:
                raise Busy
            turn = threading.Event()
            self._queue.append(turn)
        while not turn.wait(self._taken_at + self._patience - time.monotonic()):
            with self._lock:
                if not turn.is_set() and time.monotonic() >= self._taken_at + self._patience:
                    self._queue.remove(turn)
                    raise Busy

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._queue:
                # Handed over: a free slot would go to whichever thread runs first, and one that waits might never.
                self._queue.popleft().set()
                self._taken_at = time.monotonic()
            else:
                self._free += 1


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
