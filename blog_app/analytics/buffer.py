"""Page view counting, first stage: an in-memory buffer in each web process, flushed by a background thread.

    read --> buffer --> thread, each second --> Redis --> worker, each few seconds --> page_views --> event posts.viewed
             (memory)       \\-- no Redis, or it is down or full: --------------------> page_views -^

A read only appends to the buffer. One thread for each process, started by the first view, flushes it: it drops what
does not count (`counting`), hashes the visitor (`visitors`), and pushes a batch to Redis (`queue`). The worker stores
the batches (`storage`), and the blog adds them to its posts' counters.

What can be lost, and when; nothing is ever counted twice:

* A process that is killed (`kill -9`) loses the views of its last second, or more while it cannot flush. A process that
  shuts down flushes once.
* A Redis that loses its data loses the views that the worker had not stored yet: some seconds, more if no worker runs.
* While the buffer cannot be flushed it holds `MAX_BUFFERED` views; further ones are lost, and their number is logged.
  That is while Redis and the analytics database are both unreachable; and while the database is, once Redis has
  `queue.MAX_BATCHES` batches, or in a process that has not read the day's salt yet. Redis alone may stay unreachable.
* A worker that is killed loses nothing.

A post's view counter lags by this pipeline, some ten seconds, and by the age of a cached response (COUNTERS_SECONDS).
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from itertools import islice
from typing import Any

import orjson
from flask import Flask

from blog_app.analytics import queue
from blog_app.analytics.counting import BufferedRead, PageViewCounter, buffered_read
from blog_app.analytics.storage import store_batches
from blog_app.analytics.visitors import Salts
from blog_app.data import databases
from blog_app.data.background_thread import PeriodicFlush
from blog_app.data.cache import Representation
from blog_app.permissions import Scope

log = logging.getLogger(__name__)

MAX_BUFFERED = 20_000
"""Views: some megabytes, tens of them if all headers have their maximum length."""
BATCH_SIZE = 500
FLUSH_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 15.0


class PageViewBuffer:
    """The buffer of one process, and the thread that flushes it."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._counter = PageViewCounter(app.config["SETTINGS"])
        self._thread = PeriodicFlush(
            "page views", self.try_flush, seconds=FLUSH_SECONDS, max_backoff=MAX_BACKOFF_SECONDS, after_fork=self.reset
        )
        self.reset()

    def reset(self) -> None:
        """Start empty, as after a fork: the parent process flushes what it has buffered."""
        self._buffer: deque[BufferedRead] = deque()
        self._batch: bytes | None = None
        """The next batch to push; pushed twice, it is stored once because its rows have keys."""
        self._lost = 0
        self._salts = Salts()
        self._flush_lock = threading.Lock()

    def add(self, representation: Representation, scope: Scope, environ: dict[str, Any]) -> None:
        """Buffer a read of a post: the read hook, called in the request for cached and fresh responses alike."""
        read = buffered_read(representation.hook_values, scope, environ)
        if read is None:
            return
        if len(self._buffer) >= MAX_BUFFERED:
            self._lost += 1
            return
        self._buffer.append(read)
        self._thread.ensure_running()

    def flush(self) -> None:
        """Push or store all buffered views; raise the database's error if that fails, and keep the rest."""
        with self._flush_lock:
            while self._batch or self._buffer:
                if self._batch is None:
                    self._batch = self._next_batch()
                if self._batch and not queue.push(self._batch):
                    with databases.analytics.atomic():
                        store_batches([self._batch])
                self._batch = None

    def _next_batch(self) -> bytes | None:
        """Take the oldest reads from the buffer; return them as a batch, None if none counts."""
        reads = list(islice(self._buffer, BATCH_SIZE))
        rows = self._counter.rows(reads, self._salts.salt_of)
        for _ in reads:  # Only now: if the salt cannot be read, they must stay.
            self._buffer.popleft()
        return orjson.dumps(rows) if rows else None

    def try_flush(self) -> bool:
        """Flush the buffer; if that fails, log the reason and return False."""
        if not (self._batch or self._buffer):
            return True
        flushed = False
        try:
            with self._app.app_context():
                self.flush()
            flushed = True
        except databases.DATABASE_ERRORS as error:
            log.warning("page views stay in the buffer: %s", databases.first_line(error))
        except Exception:
            log.exception("page views cannot be flushed")
        if self._lost:
            lost, self._lost = self._lost, 0
            log.error("%d page views are lost: the buffer was full", lost)
        return flushed
