"""File downloads (RFC 9110): streamed, whole or one byte range, and never run by a browser.

The media type is the detected one, not the uploader's; `nosniff` (see `headers`) keeps browsers from guessing another.
The file is sent as an attachment in a sandbox, so that an HTML page has no rights even where it is opened.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from urllib.parse import quote

from flask import Response, request
from werkzeug.http import dump_options_header

from blog_app.api.responses import etag
from blog_app.errors import RangeNotSatisfiable

SANDBOX = "default-src 'none'; sandbox"
CHUNK_BYTES = 65_536
NOT_ASCII = re.compile(r'[^ -~]|["%\\]')


@dataclass(frozen=True)
class Download:
    """A file to send."""

    name: str
    media_type: str
    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]
    """Yields the bytes from a start offset up to an end offset."""


def respond(download: Download) -> Response:
    """Return the response that sends a file or the requested range of it, or 304."""
    response = etag.with_etag(Response(mimetype=download.media_type), download.etag)
    response.headers["Accept-Ranges"] = "bytes"
    # The file name as in RFC 8187, and an ASCII one for old clients.
    names = {"filename": NOT_ASCII.sub("_", download.name), "filename*": f"UTF-8''{quote(download.name, safe='')}"}
    response.headers["Content-Disposition"] = dump_options_header("attachment", names)
    response.headers["Content-Security-Policy"] = SANDBOX
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    start, stop = 0, download.size
    if byte_range := _byte_range(download):
        start, stop = byte_range
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{download.size}"
    chunks = _split(download.read(start, stop))
    # Read the first chunk before the status is sent, so that an error can still become one.
    response.response = chain([next(chunks, b"")], chunks)
    response.content_length = stop - start
    return response


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in chunks so small that a slow client receives each in time."""
    for chunk in chunks:
        for start in range(0, len(chunk), CHUNK_BYTES):
            yield chunk[start : start + CHUNK_BYTES]


def _byte_range(download: Download) -> tuple[int, int] | None:
    """Return the requested range, None for the whole file; raise `RangeNotSatisfiable`.

    A malformed range, and several ranges, may be ignored (section 14.2); a range is ignored if `If-Range` has another
    tag.
    """
    requested = request.range
    if request.method != "GET" or requested is None or requested.units != "bytes" or len(requested.ranges) != 1:
        return None
    if request.headers.get("If-Range", f'"{download.etag}"') != f'"{download.etag}"':
        return None
    first, end = requested.ranges[0]
    start = max(first + download.size, 0) if first < 0 else first
    stop = download.size if end is None else min(end, download.size)
    if start >= stop:
        raise RangeNotSatisfiable(
            f"The file has {download.size} bytes.", headers={"Content-Range": f"bytes */{download.size}"}
        )
    return start, stop
