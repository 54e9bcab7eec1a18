"""File uploads: the raw body of a request, or the one file of a multipart form (RFC 7578).

The bytes are streamed to a temporary file and hashed on the way, before any transaction begins: memory is bounded, and
a slow client holds no database connection. The temporary file has no name and ends with the request, so an aborted
upload leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import MultiPartParser

from blog_app.api.requests.body import refuse_encoding
from blog_app.config import settings
from blog_app.errors import BadRequest, Invalid, TooLarge, invalid

FORM = "multipart/form-data"
FORM_OVERHEAD = 10_000
"""Bytes that a form may have besides its file: boundaries and headers."""
CHUNK_BYTES = 65_536
MAX_MEMORY_BYTES = 262_144


class Upload:
    """An uploaded file, in a temporary file."""

    def __init__(self, name: str | None = None, *, max_bytes: int) -> None:
        self.name = name
        """The file name in a form."""
        self.max_bytes = max_bytes
        self.size = 0
        self.file = SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES)  # noqa: SIM115 - closed by its creator
        self._hash = sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was written, in hexadecimal digits."""
        return self._hash.hexdigest()

    def fingerprint(self) -> bytes:
        """Return what identifies the content of the request: the boundary of a form may differ in a retry."""
        return f"{self.sha256} {self.name}".encode()

    def write(self, data: bytes) -> None:
        """Append `data`; raise `TooLarge` beyond the limit."""
        self.size += len(data)
        if self.size > self.max_bytes:
            raise too_large(self.max_bytes)
        self._hash.update(data)
        self.file.write(data)

    def seek(self, offset: int) -> None:
        """Move to an offset (called by the form parser when a file is complete)."""
        self.file.seek(offset)


@contextmanager
def receive_upload() -> Iterator[Upload]:
    """Yield the complete file that the current request uploads; raise a `Problem` if it is not valid."""
    refuse_encoding()
    max_bytes = settings().max_file_bytes
    is_form = request.mimetype == FORM
    # One byte more than allowed, to distinguish a body that ends at the limit from a longer one.
    request.max_content_length = max_bytes + (FORM_OVERHEAD if is_form else 1)
    uploads: list[Upload] = []

    def open_upload(name: str | None = None) -> Upload:
        if uploads:
            raise Invalid("Send one file per request.")
        uploads.append(Upload(name, max_bytes=max_bytes))
        return uploads[0]

    try:
        try:
            _read_form(open_upload) if is_form else _read_raw(open_upload())
        except (RequestEntityTooLarge, TooLarge) as error:
            raise (error if isinstance(error, TooLarge) else too_large(max_bytes)) from error
        if not uploads:
            raise invalid("file", "The form must contain a file.")
        # If the client disconnects, the server passes on what it has received, without an error.
        if request.content_length is not None and request.stream.tell() < request.content_length:
            raise ClientDisconnected
        yield uploads[0]
    finally:
        for upload in uploads:
            upload.file.close()


def too_large(max_bytes: int) -> TooLarge:
    """Return the error for a file of more than `max_bytes` bytes."""
    return TooLarge(f"The file is larger than {max_bytes} bytes.")


def _read_raw(upload: Upload) -> None:
    while data := request.stream.read(CHUNK_BYTES):
        upload.write(data)


def _read_form(open_upload: Any) -> None:
    def stream_factory(*, filename: str | None, **_: Any) -> Upload:
        return open_upload(filename)

    boundary = request.mimetype_params.get("boundary", "").encode()
    if not boundary:
        raise BadRequest("The Content-Type of a form must have a boundary.")
    parser = MultiPartParser(
        cast(Any, stream_factory), max_form_memory_size=4 * CHUNK_BYTES, max_form_parts=10, buffer_size=CHUNK_BYTES
    )
    stream = request.stream
    try:
        fields, _ = parser.parse(stream, boundary, request.content_length)
    except ValueError as error:
        raise BadRequest("The form is malformed or incomplete.") from error
    except RequestEntityTooLarge as error:
        if stream.tell() < (request.max_content_length or 0):
            raise TooLarge("The form is too large besides its file.") from error
        raise
    for name in fields:
        raise invalid(name or "", "Unknown field. Send only the file in the form, everything else in the query string.")
