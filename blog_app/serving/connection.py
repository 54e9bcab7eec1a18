"""A client's connection: the request that comes in, and the response that goes out without blocking a thread."""

from __future__ import annotations

import socket
import struct
import time
from tempfile import SpooledTemporaryFile
from typing import Any

from gunicorn import util

from blog_app.serving.incoming import MAX_MEMORY, PIECE, Incoming

SEND_TIMEOUT = 60.0
"""Seconds in which a client must take some of its response; a kernel's buffer makes big steps of small ones."""


class Connection:
    """A connection, in one thread at a time. For gunicorn it is the socket that a response is written to."""

    def __init__(self, raw: socket.socket, client: Any, server: Any) -> None:
        self.raw = raw
        self.client = client
        self.server = server
        self.incoming = Incoming()
        self.deadline = 0.0
        self.waits_since = time.monotonic()
        self.reusable = False
        self.watched = False
        """Whether the poller watches it."""
        self._parts: list[bytes] = []
        self._parts_size = 0
        self._unsent: SpooledTemporaryFile[bytes] | None = None
        self._sent = self._written = 0

    @property
    def sock(self) -> Connection:
        """What gunicorn writes a response to."""
        return self

    def fileno(self) -> int:
        return self.raw.fileno()

    def sendall(self, data: bytes) -> None:
        """Write a part of a response: small ones are sent together."""
        self._parts.append(bytes(data))
        self._parts_size += len(data)
        if self._parts_size > PIECE:
            self.flush()

    send = sendall

    def shutdown(self, how: int) -> None:
        """Refuse gunicorn's way to end a connection, which would block: the main loop ends it."""
        raise OSError("the main loop ends connections")

    def flush(self) -> None:
        """Send what the client takes of the parts; the rest waits for the main loop."""
        data, self._parts, self._parts_size = b"".join(self._parts), [], 0
        if data and self._unsent is None:
            data = data[self._send(data) :]
        if data:
            if self._unsent is None:
                self._unsent = SpooledTemporaryFile(max_size=MAX_MEMORY)  # noqa: SIM115 - closed when it is sent
                self._sent = self._written = 0
            self._unsent.write(data)
            self._written += len(data)

    def drain(self) -> bool:
        """Send what the client takes of what waits; return whether nothing is left."""
        if self._unsent is None:
            return True
        self._unsent.seek(self._sent)
        if taken := self._send(self._unsent.read(4 * PIECE)):
            self._sent += taken
            self.deadline = time.monotonic() + SEND_TIMEOUT
        if self._sent < self._written:
            return False
        self._unsent.close()
        self._unsent = None
        return True

    def _send(self, data: bytes) -> int:
        try:
            return self.raw.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        """Close it; if there is more to send, at once, without what the kernel has still to send."""
        self.incoming.close()
        if self._unsent is not None:
            self._unsent.close()
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        util.close(self.raw)
