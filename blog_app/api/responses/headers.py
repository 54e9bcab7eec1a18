"""The headers of every response: Cache-Control, CORS, request id.

A cache must revalidate each response, because the next read must see an acknowledged write; with an ETag that
costs little. Shared caches must not store the response to an authenticated request.
"""

from __future__ import annotations

import time

from flask import Flask, Response, request

from blog_app.api.responses import etag
from blog_app.config import Settings
from blog_app.data.cache import Representation

PREFLIGHT_SECONDS = "7200"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Range, X-Request-Id"
EXPOSED_HEADERS = (
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Link, Location, RateLimit, "
    "RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
)


def init_app(app: Flask) -> None:
    """Let pages of the origins that the settings allow call the API (CORS, from the Fetch standard).

    Without credentials: the API has no cookies, the page sends the token itself.
    """
    settings: Settings = app.config["SETTINGS"]
    if not settings.cors:
        return

    @app.after_request
    def allow_origin(response: Response) -> Response:
        origin = request.headers.get("Origin")
        if origin and settings.allows_origin(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
                response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
                response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response


def representation_headers(found: Representation, outcome: str) -> list[tuple[str, str]]:
    """Return the headers of a representation that is a hit, a miss or a bypass; empty: it could be none of them."""
    headers = [("ETag", etag.header(found.etag, weak=bool(found.encoding))), ("Content-Type", found.content_type)]
    if found.encoding:
        headers.append(("Content-Encoding", found.encoding))
    if found.link:
        headers.append(("Link", found.link))
    if outcome:
        headers.append(("X-Cache", outcome))
    if outcome == "hit":
        headers.append(("Age", str(max(0, int(time.time() - found.read_at)))))
    return headers


class CommonHeaders:
    """The headers that every response has."""

    def __init__(self, settings: Settings) -> None:
        self._vary = "Accept-Encoding, Authorization" + (", Origin" if settings.cors else "")
        self._vary_uncached = [("Vary", "Origin")] if settings.cors else []

    def add(self, headers: list[tuple[str, str]], request_id: str, *, signed_in: bool) -> list[tuple[str, str]]:
        """Return `headers` with those of every response; a `Cache-Control` that is there already stays."""
        own = [*headers, ("X-Content-Type-Options", "nosniff"), ("X-Request-Id", request_id)]
        if any(name == "Cache-Control" for name, _ in headers):
            return own + self._vary_uncached
        own.append(("Cache-Control", "private, no-cache" if signed_in else "no-cache"))
        own.append(("Vary", self._vary))
        return own
