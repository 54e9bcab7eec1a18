"""Headers of every response: Cache-Control, and CORS.

A cache must revalidate each response, because the next read must see a write that has been answered; with an ETag that
costs little. Shared caches must not store the response to an authenticated request.
"""

from __future__ import annotations

from flask import Flask, Response, request

from blog_app.api import auth
from blog_app.config import Settings

ALWAYS = (("X-Content-Type-Options", "nosniff"),)
PREFLIGHT_SECONDS = "7200"
ALLOWED_HEADERS = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, If-Range, Range, X-Request-Id"
EXPOSED_HEADERS = (
    "Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Link, Location, RateLimit, "
    "RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-Id"
)


def init_app(app: Flask) -> None:
    """Add the headers to every response of `app`."""
    settings: Settings = app.config["SETTINGS"]
    if settings.cors_origins:
        _allow_cors(app, frozenset(settings.cors_origins))  # First: Flask calls the last one first.

    @app.after_request
    def limit_caching(response: Response) -> Response:
        headers = response.headers
        if "Cache-Control" not in headers:
            headers.add("Cache-Control", cache_control(signed_in=auth.caller() is not None))
            headers.add("Vary", "Authorization")
        for name, value in ALWAYS:
            headers.add(name, value)
        return response


def cache_control(*, signed_in: bool) -> str:
    """Return the `Cache-Control` of a response."""
    return "private, no-cache" if signed_in else "no-cache"


def vary(settings: Settings) -> str:
    """Return the `Vary` header of the response to a GET."""
    return "Authorization, Origin" if settings.cors_origins else "Authorization"


def _allow_cors(app: Flask, origins: frozenset[str]) -> None:
    """Let pages of these origins call the API (CORS, from the Fetch standard).

    Without credentials: the API has no cookies, the page sends the token itself.
    """

    @app.after_request
    def allow_cors(response: Response) -> Response:
        response.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
            if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
                response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
                response.headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS
                response.headers["Access-Control-Max-Age"] = PREFLIGHT_SECONDS
        return response
