"""The gunicorn worker: a thread gets a request only when all of it is there, and gives its response away at once.

`gthread` reads requests and writes responses in the threads that run the app, so a few clients that send half a
request, or do not read their response, stop the service for all. Here the worker's main loop (one `epoll`) receives and
sends; threads run the app. As Waitress and nginx do it; TLS and HTTP/2 end at the proxy in front.

Guarantees:

* **A waiting client costs a file descriptor and a buffer, never a thread.** Head and body are received by the main
  loop, bodies beyond `MAX_MEMORY` into a temporary file; what a client does not take of its response waits the same
  way.
* **Every wait ends.** A head is complete within `HEAD_TIMEOUT` of its first byte, a body never stands still, and is
  never late, for `BODY_TIMEOUT` (else 408); some of a response is taken every `SEND_TIMEOUT`; an idle connection ends
  after `keepalive`.
* **New clients get in.** At the limit of connections, the address with most of them loses the one that waits longest.
* **Balance.** All workers accept from one socket, and the one that wakes first takes what waits there. Each publishes
  how many connections it holds, in shared memory, and one that holds more than the others leaves new ones to them. The
  one with the fewest never pauses; one without a sign of life for `STALE` seconds is not waited for.
* **A reload (SIGHUP) is not noticed.** A worker that is told to stop goes on until its successors serve.
"""

from __future__ import annotations

import errno
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from multiprocessing.sharedctypes import RawArray, RawValue
from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import errors
from gunicorn.http.parser import RequestParser
from gunicorn.workers.gthread import ThreadWorker

from blog_app.serving.connection import SEND_TIMEOUT, Connection
from blog_app.serving.incoming import PIECE, HeadTooLong, Incoming, MalformedChunk

HEAD_TIMEOUT = 10.0
BODY_TIMEOUT = 20.0
"""Seconds for which a body may stand still, or be late."""
MIN_BODY_RATE = 1_000
"""Bytes a second that a body must come at on average, or it is late."""
LINGER = 5.0
"""Seconds in which a client may finish sending after a response that ends the connection."""

SLOTS = 64
MAX_LEAD = 1
"""How many connections a worker may hold more than the one with the fewest."""
PAUSE = 0.02
STALE = 3.0
MAX_HANDOVER = 20.0
"""Seconds for which a worker waits for its successors."""

# Made when gunicorn loads this module, before it forks: every worker has the same memory. Each slot has one writer.
_connections = RawArray("i", SLOTS)
_seen = RawArray("d", SLOTS)
_ages = RawArray("i", SLOTS)
_reloads = RawValue("i", 0)


def count_reload(_server: object = None) -> None:
    """Note that a reload begins; gunicorn's `on_reload` hook."""
    _reloads.value += 1


def problem(status: int, reason: str, detail: str) -> bytes:
    """Return a response with problem+json that ends the connection."""
    kind = "/problems/address-too-long" if status == HTTPStatus.REQUEST_URI_TOO_LONG else "about:blank"
    body = orjson.dumps({"type": kind, "title": reason, "status": status, "detail": detail})
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def write_problem(client: Connection, status: int, reason: str, message: str) -> None:
    """Answer a malformed or too long request with problem+json; gunicorn would send an HTML page."""
    client.sendall(problem(status, reason, message))


util.write_error = write_problem


class BufferingWorker(ThreadWorker):
    """A threaded worker whose main loop receives requests and sends responses."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A worker that is ending keeps its slot beside its successor's, so there are twice as many slots as workers.
        slots = min(SLOTS, 2 * self.cfg.workers)
        self.slot = self.age % slots
        self.other_slots = [slot for slot in range(slots) if slot != self.slot]
        self.reloads = _reloads.value
        self.leaves_at: float | None = None
        self.waiting: set[Connection] = set()
        """The connections that are in no thread."""
        self.next_sweep = 0.0

    # Balance and reload

    @property
    def worker_connections(self) -> int:
        """How many connections this worker may hold at the moment."""
        now = time.monotonic()
        others = [_connections[slot] for slot in self.other_slots if now - _seen[slot] < STALE]
        return min([self.max_connections, *(count + MAX_LEAD + 1 for count in others)])

    @worker_connections.setter
    def worker_connections(self, limit: int) -> None:
        self.max_connections = limit

    def notify(self) -> None:
        """Tell the arbiter and the other workers that this one is alive, and how many connections it holds."""
        super().notify()
        _connections[self.slot] = self.nr_conns
        _ages[self.slot] = self.age
        _seen[self.slot] = time.monotonic() if self.alive else 0.0
        if self.leaves_at is not None and self.alive and (self._is_succeeded() or time.monotonic() > self.leaves_at):
            super().handle_exit(0, None)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Stop (SIGTERM); at a reload, not before the successors serve."""
        if _reloads.value == self.reloads:
            super().handle_exit(sig, frame)
        elif self.leaves_at is None:
            self.leaves_at = time.monotonic() + MAX_HANDOVER

    def _is_succeeded(self) -> bool:
        now = time.monotonic()
        younger = [slot for slot in self.other_slots if _ages[slot] > self.age and now - _seen[slot] < STALE]
        return len(younger) >= self.cfg.workers

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events; briefly while paused, because the others may have caught up meanwhile."""
        super().wait_for_and_dispatch_events(timeout if self._accepting else min(timeout, PAUSE))

    # The main loop

    def accept(self, listener: socket.socket) -> None:
        try:
            raw, client = listener.accept()
        except OSError as error:  # Another worker was faster, the client has gone, or there are too many files.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._evict()
            return
        raw.setblocking(False)
        self.nr_conns += 1
        if self.nr_conns >= self.max_connections:
            self._evict()
        conn = Connection(raw, client, listener.getsockname())
        self._await_request(conn)
        self._receive(conn)  # Often it is there already.

    def _evict(self) -> None:
        """Close the connection that waits longest, of the address with most waiting connections."""
        if self.waiting:
            addresses = Counter(_address(conn) for conn in self.waiting)
            crowded = addresses.most_common(1)[0][0]
            self._close(min((c for c in self.waiting if _address(c) == crowded), key=lambda c: c.waits_since))

    def _await_request(self, conn: Connection) -> None:
        conn.waits_since = time.monotonic()
        conn.deadline = conn.waits_since + (self.cfg.keepalive if self.alive else 0)
        self._watch(conn, selectors.EVENT_READ, self._receive)

    def _watch(self, conn: Connection, events: int, callback: Callable[[Connection], None]) -> None:
        def call(_raw: socket.socket) -> None:
            if conn in self.waiting:  # It may have been evicted since the event.
                callback(conn)

        self.waiting.add(conn)
        change = self.poller.modify if conn.watched else self.poller.register
        change(conn.raw, events, call)
        conn.watched = True

    def _unwatch(self, conn: Connection) -> None:
        self.waiting.discard(conn)
        if conn.watched:
            self.poller.unregister(conn.raw)
            conn.watched = False

    def _receive(self, conn: Connection) -> None:
        try:
            data = conn.raw.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            return self._close(conn)
        self._take(conn, data)

    def _take(self, conn: Connection, data: bytes) -> None:
        """Take what has come; give the request to a thread if it is complete."""
        now = time.monotonic()
        incoming = conn.incoming
        if not incoming.started:
            conn.waits_since = now
            conn.deadline = now + HEAD_TIMEOUT
        try:
            incoming.feed(data)
        except HeadTooLong:
            return self._refuse(conn, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too long.")
        except MalformedChunk:
            return self._refuse(conn, HTTPStatus.BAD_REQUEST, "A chunk of the body is malformed.")
        if incoming.complete:
            self._unwatch(conn)
            return self.enqueue_req(conn)
        if incoming.body is not None:
            conn.deadline = min(now, conn.waits_since + incoming.size / MIN_BODY_RATE) + BODY_TIMEOUT
            if incoming.expects_continue:
                incoming.expects_continue = False
                self._send(conn, b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, conn: Connection, status: HTTPStatus, detail: str) -> None:
        conn.incoming.complete = True
        self._send(conn, problem(status, status.phrase, detail))
        self._linger(conn)

    def _send(self, conn: Connection, data: bytes) -> None:
        with suppress(OSError):  # The client has gone; reading from it tells so, too.
            conn.sendall(data)
            conn.flush()

    def finish_request(self, conn: Connection, fs: Any) -> None:
        """Go on with a connection whose response is written."""
        conn.reusable = not fs.cancelled() and fs.exception() is None and bool(fs.result())
        conn.waits_since = time.monotonic()
        conn.deadline = conn.waits_since + SEND_TIMEOUT
        self._drain(conn)

    def _drain(self, conn: Connection) -> None:
        try:
            drained = conn.drain()
        except OSError:
            return self._close(conn)
        if not drained:
            self._watch(conn, selectors.EVENT_WRITE, self._drain)
        elif not conn.reusable:
            self._linger(conn)
        else:
            rest = conn.incoming.rest
            conn.incoming.close()
            conn.incoming = Incoming()
            if rest:
                self._watch(conn, selectors.EVENT_READ, self._receive)
                self._take(conn, rest)
            else:
                self._await_request(conn)

    def _linger(self, conn: Connection) -> None:
        """End a connection: the client gets what was sent, also if it is still sending (RFC 9112, section 9.6)."""
        try:
            conn.raw.shutdown(socket.SHUT_WR)
        except OSError:
            return self._close(conn)
        conn.deadline = time.monotonic() + LINGER
        self._watch(conn, selectors.EVENT_READ, self._discard)

    def _discard(self, conn: Connection) -> None:
        try:
            if conn.raw.recv(4 * PIECE):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self._unwatch(conn)
        conn.close()
        self.nr_conns -= 1

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections whose time is over, once a second."""
        now = time.monotonic()
        if now < self.next_sweep and not force:
            return
        self.next_sweep = now + 1
        for conn in [each for each in self.waiting if force or now > each.deadline]:
            if conn.incoming.started and not conn.incoming.complete and not force:
                self._refuse(conn, HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.")
            else:
                self._close(conn)

    def murder_pending(self) -> None:
        """Nothing is pending here."""

    def _cap_keepalive(self, deadline: float) -> None:
        """Close idle connections by `deadline`, because this worker ends; what has begun to come may come."""
        for conn in self.waiting:
            if conn.incoming.complete or not conn.incoming.started:
                conn.deadline = min(conn.deadline, deadline)

    # In a thread

    def handle(self, conn: Connection) -> bool:
        """Serve the request that has come; return whether the connection can be used again."""
        request = None
        try:
            parser = RequestParser(self.cfg, conn.incoming.pieces(), conn.client)
            request = next(parser)
            request._expected_100_continue = False  # The main loop has answered that.
            if conn.incoming.truncated:
                request.force_close()
            return bool(self.handle_request(request, conn))
        except (errors.NoMoreData, StopIteration, OSError) as error:
            self.log.debug("Closing connection. %s", error)
        except Exception as error:
            self.handle_error(request, conn, conn.client, error)
        finally:
            with suppress(OSError):  # The main loop finds out that the client has gone.
                conn.flush()
        return False


def _address(conn: Connection) -> Any:
    return conn.client[0] if isinstance(conn.client, tuple) and conn.client else conn.client
