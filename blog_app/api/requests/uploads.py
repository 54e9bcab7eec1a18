"""Taking in a file: the raw body of a request, or the one file of a form (RFC 7578).

Bytes go from the socket to a temporary file, hashed on the way, before any transaction begins: memory is bounded, and
however slow a client is, it holds no connection to a database. The temporary file has no name and ends with the
request, so an upload that breaks off leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from blog_app.api.requests.connections import expect_life
from blog_app.config import settings
from blog_app.errors import BadRequest, Invalid, TooLarge, UnsupportedMediaType, invalid

FORM = "multipart/form-data"
FORM_OVERHEAD = 10_000
"""What a form may have besides its file: boundaries and headers."""
PIECE = 65_536
IN_MEMORY = 262_144


class Upload:
    """Bytes that were sent, in a temporary file."""

    def __init__(self, name: str | None = None, *, most: int) -> None:
        self.name = name
        """What a form calls the file."""
        self.most = most
        self.size = 0
        self.file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - closed by who makes it
        self._hash = sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal digits."""
        return self._hash.hexdigest()

    def fingerprint(self) -> bytes:
        """Return what tells this upload from another: a form's boundary may differ each time it is sent."""
        return f"{self.sha256} {self.name}".encode()

    def write(self, data: bytes) -> None:
        """Add `data`; raise `TooLarge` if that is too much."""
        self.size += len(data)
        if self.size > self.most:
            raise too_large(self.most)
        self._hash.update(data)
        self.file.write(data)

    def seek(self, position: int) -> None:
        """Go to a position (the parser of forms does when a file is whole)."""
        self.file.seek(position)


@contextmanager
def received() -> Iterator[Upload]:
    """Yield the file that the current request sends, whole; raise what is wrong with it before that."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the file as it is, without a Content-Encoding.")
    most = settings().max_file_bytes
    is_form = request.mimetype == FORM
    # One byte more than may come: who stops at the limit cannot tell what ends there from what goes on.
    request.max_content_length = most + (FORM_OVERHEAD if is_form else 1)
    expect_life()
    opened: list[Upload] = []

    def opening(name: str | None = None) -> Upload:
        if opened:
            raise Invalid("Send one file at a time.")
        opened.append(Upload(name, most=most))
        return opened[0]

    try:
        try:
            _read_form(opening) if is_form else _read_raw(opening())
        except (RequestEntityTooLarge, TooLarge) as error:
            _discard(most)
            raise (error if isinstance(error, TooLarge) else too_large(most)) from error
        if not opened:
            raise invalid("file", "The form has no file.")
        # A server hands on what there is of a client that has gone, and says no more.
        if request.content_length is not None and request.stream.tell() < request.content_length:
            raise BadRequest("The body breaks off before its end.")
        yield opened[0]
    finally:
        for each in opened:
            each.file.close()


def too_large(most: int) -> TooLarge:
    """Return the error for a file of more than `most` bytes."""
    return TooLarge(f"The file has more than {most} bytes.")


def _read_raw(upload: Upload) -> None:
    while data := request.stream.read(PIECE):
        upload.write(data)


def _read_form(opening: Any) -> None:
    def stream_factory(*, filename: str | None, **_: Any) -> Upload:
        return opening(filename)

    boundary = request.mimetype_params.get("boundary", "").encode()
    if not boundary:
        raise BadRequest("The Content-Type of a form must name its boundary.")
    parser = MultiPartParser(
        cast(Any, stream_factory), max_form_memory_size=4 * PIECE, max_form_parts=10, buffer_size=PIECE
    )
    stream = request.stream
    try:
        fields, _ = parser.parse(stream, boundary, request.content_length)
    except ValueError as error:
        raise BadRequest("The form is malformed, or breaks off before its end.") from error
    except RequestEntityTooLarge as error:
        if stream.tell() < (request.max_content_length or 0):
            raise TooLarge("The form has too much besides its file.") from error
        raise
    for name in fields:
        raise invalid(name or "", "Unknown field: a form has its file, and the rest goes into the query.")


def _discard(most: int) -> None:
    """Read on for a while: a client that listens only when it has sent everything shall hear the answer."""
    if "wsgi.input_terminated" in request.environ and (request.content_length or 0) <= 2 * most:
        with suppress(OSError):
            for _ in range(most // PIECE + 1):
                if not request.environ["wsgi.input"].read(PIECE):
                    break
