"""gunicorn's threaded worker, with connections spread evenly over the workers.

All workers accept from one socket, and who wakes first takes what waits there. A kept-alive connection then stays where
it is: measured with 32 connections and two workers, one worker served them all in four bursts of ten while the other
idled. Here each worker tells the others how many connections it holds, on a page of shared memory, and one that holds
more than the others leaves new ones to them.

Guarantee: somebody always accepts. The worker with the fewest connections never pauses; one that paused looks again
within `PAUSE` seconds; one that gives no sign of life for `STALE` seconds, or has left, is not waited for.

A client that stops in the middle of a request, or of taking an answer, is taken for gone after `PATIENCE` seconds:
otherwise each that is lost on the way, or half a request each from as many as there are threads, would be the end.
"""

from __future__ import annotations

import socket
import struct
import time
from http import HTTPStatus
from multiprocessing.sharedctypes import RawArray
from typing import Any

import orjson
from gunicorn import util
from gunicorn.http import parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

PLACES = 64
AHEAD = 1
"""By how many connections a worker may be ahead of the one with the fewest."""
PAUSE = 0.02
STALE = 3.0
PATIENCE = 30.0

# Made when gunicorn loads this module, before it forks: every worker has the same memory. Each place has one writer.
_connections = RawArray("i", PLACES)
_seen = RawArray("d", PLACES)


def write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer what is not HTTP, or too long, like every other error; gunicorn would send an HTML page."""
    kind = "/problems/address-too-long" if status == HTTPStatus.REQUEST_URI_TOO_LONG else "about:blank"
    problem = {"type": kind, "title": reason, "status": status, "detail": message}
    body = orjson.dumps(problem)
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


util.write_error = write_problem


class PatientUnreader(SocketUnreader):
    """What comes on a connection; if nothing comes in time, it has ended."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError:
            return b""


parser.SocketUnreader = PatientUnreader


class FairThreadWorker(ThreadWorker):
    """A `gthread` worker that does not take more connections than its share."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A worker that is leaving keeps its place beside its successor's, so there are twice as many as workers.
        places = min(PLACES, 2 * self.cfg.workers)
        self.place = self.age % places
        self.other_places = [place for place in range(places) if place != self.place]

    @property
    def worker_connections(self) -> int:
        """How many connections this worker may hold at the moment."""
        now = time.monotonic()
        others = [_connections[place] for place in self.other_places if now - _seen[place] < STALE]
        return min([self.most_connections, *(held + AHEAD + 1 for held in others)])

    @worker_connections.setter
    def worker_connections(self, most: int) -> None:
        self.most_connections = most

    def notify(self) -> None:
        """Tell the arbiter and the other workers that this one lives, and what it holds."""
        super().notify()
        _connections[self.place] = self.nr_conns
        _seen[self.place] = time.monotonic() if self.alive else 0.0

    def handle(self, conn: Any) -> Any:
        """Serve a request, with a limit on how long the client may keep a thread waiting for it."""
        limit = struct.pack("@ll", int(PATIENCE), int(PATIENCE % 1 * 1_000_000))
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, direction, limit)
        return super().handle(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for something to do; briefly while paused, because the others may have caught up meanwhile."""
        super().wait_for_and_dispatch_events(timeout if self._accepting else min(timeout, PAUSE))
