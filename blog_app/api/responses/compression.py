"""Compression of responses by gzip (RFC 9110, section 8.4), where the client accepts it and the body is worth it.

What is compressed is kept: cached responses, the OpenAPI document, the documentation page. The entity tag of a
compressed representation is weak, because its bytes differ from those of the plain one.
"""

from __future__ import annotations

import gzip
from functools import lru_cache

from flask import Response, request
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

from blog_app.api.responses import etag

MIN_BYTES = 1_000
"""A smaller body fits into one packet, compressed or not."""


@lru_cache(maxsize=256)
def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether an `Accept-Encoding` header names gzip (not only `*`, which few clients mean)."""
    return any(name.lower() == "gzip" and quality > 0 for name, quality in parse_accept_header(accept_encoding, Accept))


def compress(body: bytes) -> bytes:
    """Return `body` compressed; the same body always gives the same bytes."""
    return gzip.compress(body, compresslevel=6, mtime=0)


class Compressible:
    """A body that does not change, with its entity tag, in both encodings."""

    def __init__(self, body: bytes, content_type: str) -> None:
        self._plain, self._compressed = body, compress(body)
        self._tag = etag.digest(body)
        self._content_type = content_type

    def response(self, cache_control: str) -> Response:
        """Return the response to the current request: 200, or 304 if `If-None-Match` has the tag."""
        compressed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        response = Response(self._compressed if compressed else self._plain, content_type=self._content_type)
        response.headers["Cache-Control"] = cache_control
        response.headers["Vary"] = "Accept-Encoding"
        if compressed:
            response.headers["Content-Encoding"] = "gzip"
        response = etag.with_etag(response, self._tag)
        if compressed:
            response.headers["ETag"] = f'W/"{self._tag}"'
        return response
