"""The framing of HTTP/1.1 requests: where the head and the body of a request end in the bytes that a client sends.

Only the end is found out here (RFC 9112, sections 6 and 7); gunicorn parses the request, and refuses what is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

MAX_MEMORY = 65_536
"""Bytes of a body, or of a response that is not taken, that wait in memory; more go to a temporary file."""
MAX_HEAD = 65_536
MAX_BODY = 100_000_000
"""A longer body is not received: the app, whose limits are lower, refuses it. gunicorn.conf.py sets it."""
FORM_OVERHEAD = 20_000
"""More than a form may have besides its file."""
PIECE = 65_536

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
EXPECTS_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue", re.IGNORECASE)
CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,15})[ \t]*(?:;.*)?\r\n")


class HeadTooLong(Exception):
    """The head is longer than `MAX_HEAD`."""


class MalformedChunk(Exception):
    """A chunk is not what RFC 9112 says. Others may see its end elsewhere, so what follows cannot be a request."""


class Incoming:
    """The bytes of one request, as they come."""

    def __init__(self) -> None:
        self.head = b""
        self.rest = b""
        """What came behind the request: the next one begins with it."""
        self.body: SpooledTemporaryFile[bytes] | None = None
        self.size = 0
        """Bytes of the body that have come."""
        self.complete = False
        self.truncated = False
        """Whether more of the body may come than was received: the connection cannot be used again."""
        self.expects_continue = False
        self._length: int | None = None
        self._line = b""
        self._skip = 0
        self._in_chunk = self._in_trailer = False

    @property
    def started(self) -> bool:
        """Whether any byte has come."""
        return bool(self.head)

    def feed(self, data: bytes) -> None:
        """Add what has come; raise `HeadTooLong` or `MalformedChunk`."""
        if self.body is not None:
            return self._feed_body(data)
        searched = max(0, len(self.head) - 3)
        self.head += data
        end = self.head.find(b"\r\n\r\n", searched) + 4
        if end < 4:
            if len(self.head) > MAX_HEAD:
                raise HeadTooLong
            return
        self.head, rest = self.head[:end], self.head[end:]
        length = CONTENT_LENGTH.search(self.head)
        chunked = CHUNKED.search(self.head)
        if not chunked and (length is None or int(length[1]) == 0):
            self.rest, self.complete = rest, True
            return
        self._length = None if chunked or length is None else int(length[1])
        if self._length is not None and self._length > MAX_BODY:
            self.complete = self.truncated = True
            return
        self.expects_continue = bool(EXPECTS_CONTINUE.search(self.head))
        self.body = SpooledTemporaryFile(max_size=MAX_MEMORY)  # noqa: SIM115 - closed with the request
        self._feed_body(rest)

    def _feed_body(self, data: bytes) -> None:
        assert self.body is not None
        if self._length is None:
            used = self._scan_chunks(data)
        else:
            used = min(len(data), self._length - self.size)
            self.complete = self.size + used == self._length
        self.body.write(data[:used])
        self.size += used
        self.rest = data[used:]
        if self.size > MAX_BODY:
            self.complete = self.truncated = True

    def _scan_chunks(self, data: bytes) -> int:
        """Return how many of these bytes belong to a chunked body; set `complete` at its end."""
        position = 0
        while position < len(data) and not self.complete:
            if self._skip:
                step = min(self._skip, len(data) - position)
                self._skip -= step
                position += step
                continue
            end = data.find(b"\n", position) + 1 or len(data)
            self._line += data[position:end]
            position = end
            if not self._line.endswith(b"\n"):
                if len(self._line) > MAX_HEAD:
                    raise MalformedChunk(self._line[:100])
                continue
            line, self._line = self._line, b""
            if self._in_trailer and line.endswith(b"\r\n"):
                self.complete = line == b"\r\n"
            elif self._in_chunk and line == b"\r\n":
                self._in_chunk = False
            elif not (self._in_chunk or self._in_trailer) and (size := CHUNK_SIZE.fullmatch(line)):
                self._skip = int(size[1], 16)
                self._in_chunk, self._in_trailer = self._skip > 0, self._skip == 0
            else:
                raise MalformedChunk(line[:100])
        return position

    def pieces(self) -> Iterator[bytes]:
        """Yield the request, for gunicorn's parser."""
        yield self.head
        if self.body is not None:
            self.body.seek(0)
            while piece := self.body.read(PIECE):
                yield piece

    def close(self) -> None:
        if self.body is not None:
            self.body.close()
