"""The gunicorn worker: `gthread`, with connections balanced over the workers and a time limit for slow clients.

**Balance.** All workers accept from one socket, and the one that wakes first takes what waits there. A keep-alive
connection then stays where it is: measured with 32 connections and two workers, one worker served them all in four
bursts of ten while the other idled. Here each worker publishes how many connections it holds, in shared memory, and one
that holds more than the others leaves new ones to them.

Guarantee: one worker always accepts. The worker with the fewest connections never pauses; one that paused looks again
within `PAUSE` seconds; one that shows no sign of life for `STALE` seconds, or has ended, is not waited for.

**Slow clients.** Guarantee: a client that sends or receives nothing for `CLIENT_TIMEOUT` seconds, in the middle of a
request or a response, an upload or a download, loses its connection and frees its thread. Otherwise every connection
that is lost on the way would keep a thread for ever.
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

SLOTS = 64
MAX_LEAD = 1
"""How many connections a worker may hold more than the one with the fewest."""
PAUSE = 0.02
STALE = 3.0
CLIENT_TIMEOUT = 30.0

# Made when gunicorn loads this module, before it forks: every worker has the same memory. Each slot has one writer.
_connections = RawArray("i", SLOTS)
_seen = RawArray("d", SLOTS)


def write_problem(client: socket.socket, status: int, reason: str, message: str) -> None:
    """Answer a malformed or too long request with problem+json; gunicorn would send an HTML page."""
    kind = "/problems/address-too-long" if status == HTTPStatus.REQUEST_URI_TOO_LONG else "about:blank"
    problem = {"type": kind, "title": reason, "status": status, "detail": message}
    body = orjson.dumps(problem)
    head = f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: application/problem+json\r\n"
    util.write_nonblock(client, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


util.write_error = write_problem


class TimeoutUnreader(SocketUnreader):
    """Reads from a connection; it has ended if nothing comes within `CLIENT_TIMEOUT`."""

    def chunk(self, size_hint: int | None = None) -> bytes:
        try:
            return bytes(super().chunk(size_hint))
        except BlockingIOError:
            return b""


parser.SocketUnreader = TimeoutUnreader


class BalancedThreadWorker(ThreadWorker):
    """A `gthread` worker that takes no more than its share of the connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A worker that is ending keeps its slot beside its successor's, so there are twice as many slots as workers.
        slots = min(SLOTS, 2 * self.cfg.workers)
        self.slot = self.age % slots
        self.other_slots = [slot for slot in range(slots) if slot != self.slot]

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
        _seen[self.slot] = time.monotonic() if self.alive else 0.0

    def handle(self, conn: Any) -> Any:
        """Serve a request, with a time limit on every read from and write to the client."""
        limit = struct.pack("@ll", int(CLIENT_TIMEOUT), int(CLIENT_TIMEOUT % 1 * 1_000_000))
        for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            conn.sock.setsockopt(socket.SOL_SOCKET, direction, limit)
        return super().handle(conn)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Wait for events; briefly while paused, because the others may have caught up meanwhile."""
        super().wait_for_and_dispatch_events(timeout if self._accepting else min(timeout, PAUSE))
