"""Taking in page views without slowing the read that caused them.

    read --> buffer --> thread, each second --> Redis --> worker, each few seconds --> page_views --> event posts.viewed
             (memory)       \\-- no Redis, or it is away, or full: --------------------> page_views -^

A read appends to a buffer in memory, and that is all. One thread for each process, started by the first view, empties
it: it leaves out what does not count, hashes who it was (`visitors`), and sends the rest as a batch to Redis. The
worker stores what it finds there (`storing`), and the blog adds what was stored to its posts' counters.

What can be lost, and when; nothing is ever counted twice:

* A process that is killed (`kill -9`) loses what it answered in the last second, or a little more while it cannot send.
  One that is told to stop sends what it has, once.
* A Redis that forgets loses what the worker had not stored yet: some seconds' views; more if no worker runs.
* While nothing can be sent, the buffer keeps `MOST` views; those that come then are lost, and the log says how many.
  That is while Redis and the analytics database are both away; and while the database is, once Redis has `queue.MOST`
  batches, or in a process that does not know the day's salt yet. Redis alone may be away for ever.
* A worker that is killed loses nothing, wherever it was.

A counter of a post is behind by this way, some ten seconds, and by the age of a kept answer (COUNTERS_SECONDS).
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
import weakref
from collections import deque
from itertools import islice
from typing import Any

import orjson
from flask import Flask

from blog_app.analytics import queue
from blog_app.analytics.counting import Counter, Read, read_of
from blog_app.analytics.storing import store
from blog_app.analytics.visitors import Salts
from blog_app.background.jobs import DATABASE_ERRORS
from blog_app.data import databases
from blog_app.data.backoff import pause
from blog_app.data.cache import Answer
from blog_app.permissions import Scope

log = logging.getLogger(__name__)

MOST = 20_000
"""Views that the buffer holds: some megabytes, tens of them if somebody sends the longest headers."""
AT_ONCE = 500
"""Views in a batch."""
SECONDS = 1.0
LONGEST_PAUSE = 15.0
"""Seconds, after failures that follow each other."""


class Intake:
    """The buffer of one process, and the thread that empties it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._counter = Counter(app.config["SETTINGS"])
        self.begin()

    def begin(self) -> None:
        """Begin with nothing, as the child of a fork must: what its parent has seen, its parent sends."""
        self._buffer: deque[Read] = deque()
        self._batch: bytes | None = None
        """What is to be sent next; sent again, it is known by the keys of its rows."""
        self._lost = 0
        self._salts = Salts()
        self._starting = threading.Lock()
        self._sending = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, answer: Answer, scope: Scope, environ: dict[str, Any]) -> None:
        """Remember that a post was read: what `http.seen` calls in the request, wherever its answer came from."""
        read = read_of(answer.about, scope, environ)
        if read is None:
            return
        if len(self._buffer) >= MOST:
            self._lost += 1
            return
        self._buffer.append(read)
        if self._thread is None:
            self._start()

    def send(self) -> None:
        """Send all that has been noted; raise a database's error if it cannot be, and keep what is left."""
        with self._sending:
            while self._batch or self._buffer:
                if self._batch is None:
                    self._batch = self._next_batch()
                if self._batch and not queue.push(self._batch):
                    with databases.analytics.atomic():
                        store([self._batch])
                self._batch = None

    def _next_batch(self) -> bytes | None:
        """Take the oldest reads; return their batch, None if none of them counts."""
        reads = list(islice(self._buffer, AT_ONCE))
        rows = self._counter.rows(reads, self._salts.of)
        for _ in reads:  # Not before: a database that does not answer must not cost them.
            self._buffer.popleft()
        return orjson.dumps(rows) if rows else None

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="page views", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        failures = 0
        while True:
            time.sleep(pause(failures, longest=LONGEST_PAUSE).total_seconds() if failures else SECONDS)
            failures = 0 if self.try_to_send() else failures + 1

    def try_to_send(self) -> bool:
        """Send what there is; if that cannot be now, say so in the log and return False."""
        if not (self._batch or self._buffer):
            return True
        sent = False
        try:
            with self._app.app_context():
                self.send()
            sent = True
        except DATABASE_ERRORS as error:
            log.warning("page views wait: %s", databases.first_line(error))
        except Exception:
            log.exception("page views cannot be sent")
        if self._lost:
            lost, self._lost = self._lost, 0
            log.error("%d page views are lost: the buffer was full", lost)
        return sent


_all: weakref.WeakSet[Intake] = weakref.WeakSet()


def init_app(app: Flask) -> Intake:
    """Give the app its intake; what it holds at the end of the process is sent."""
    intake = app.extensions["page_views_intake"] = Intake(app)
    _all.add(intake)
    return intake


@atexit.register
def _send_the_rest() -> None:
    for intake in list(_all):
        intake.try_to_send()


def _after_fork() -> None:
    for intake in _all:
        intake.begin()


os.register_at_fork(after_in_child=_after_fork)
