"""Sending a file (RFC 9110): streamed, as a whole or the one range that is asked for; and never run by a browser.

The type is what the file was found to be, not what somebody called it; `nosniff` (see `headers`) keeps browsers from
guessing another. It comes as an attachment in a sandbox, so that a stored page has no rights even where it is opened.
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

from blog_app.api.requests.connections import expect_life
from blog_app.api.responses import etag
from blog_app.errors import RangeNotSatisfiable

SANDBOX = "default-src 'none'; sandbox"
PIECE = 65_536
NOT_PLAIN = re.compile(r'[^ -~]|["%\\]')


@dataclass(frozen=True)
class Download:
    """A file to send, and how to read it."""

    name: str
    media_type: str
    size: int
    etag: str
    read: Callable[[int, int], Iterator[bytes]]
    """Yields the bytes from a position up to another one."""


def respond(download: Download) -> Response:
    """Return the response that sends a file, or the part of it that is asked for, or 304."""
    response = etag.tagged(Response(mimetype=download.media_type), download.etag)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = _attachment(download.name)
    response.headers["Content-Security-Policy"] = SANDBOX
    if response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    start, stop = 0, download.size
    if part := _part(download):
        start, stop = part
        response.status_code = HTTPStatus.PARTIAL_CONTENT
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{download.size}"
    expect_life()
    pieces = _small(download.read(start, stop))
    # Read before the status is sent: what fails at once can still be told.
    response.response = chain([next(pieces, b"")], pieces)
    response.content_length = stop - start
    return response


def _small(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in pieces that even a slow client takes in time."""
    for piece in pieces:
        for start in range(0, len(piece), PIECE):
            yield piece[start : start + PIECE]


def _part(download: Download) -> tuple[int, int] | None:
    """Return the range that is asked for, None for the whole; raise `RangeNotSatisfiable`.

    What is malformed, or names several ranges, may be ignored (section 14.2), and so may what is asked of a file that
    has become another (`If-Range`).
    """
    asked = request.range
    if request.method != "GET" or asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    if request.headers.get("If-Range", f'"{download.etag}"') != f'"{download.etag}"':
        return None
    first, end = asked.ranges[0]
    start = max(first + download.size, 0) if first < 0 else first
    stop = download.size if end is None else min(end, download.size)
    if start >= stop:
        raise RangeNotSatisfiable(
            f"The file has {download.size} bytes.", headers={"Content-Range": f"bytes */{download.size}"}
        )
    return start, stop


def _attachment(name: str) -> str:
    """Return a `Content-Disposition` (RFC 6266): the name as it is (RFC 8187), and a plain one for old clients."""
    return dump_options_header(
        "attachment", {"filename": NOT_PLAIN.sub("_", name), "filename*": f"UTF-8''{quote(name, safe='')}"}
    )
