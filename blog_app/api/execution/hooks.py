"""Hooks on requests, called alike for reads that are served before Flask and for what Flask serves.

A *read hook* gets each representation that a GET is answered with, from the cache too: view counting is one. A
*response hook* gets each response, errors too: the access log is one; metrics and tracing belong here. Flask's own
`before_request`, `after_request` and signals miss the reads that are served before Flask; READS_BEFORE_FLASK=no
sends all requests through Flask, for extensions that need those.

A hook runs before the response is sent. It must be quick, and must not raise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask

from blog_app.data.cache import Representation
from blog_app.permissions import Scope

ReadHook = Callable[[Representation, Scope, dict[str, Any]], None]
"""Takes the representation, the caller's scope, and the request as WSGI knows it."""


class ServedRequest(NamedTuple):
    """A request whose response is about to be sent."""

    environ: dict[str, Any]
    """The request as WSGI knows it."""
    endpoint: str | None
    """The name of the route, such as `posts.show_post`; None for an unknown path."""
    status: int
    headers: list[tuple[str, str]]
    """The response's own headers, without those that all have."""
    user_id: Any
    seconds: float
    """How long it took so far."""


ResponseHook = Callable[[ServedRequest], None]


def init_app(app: Flask) -> None:
    """Let `app` have hooks."""
    app.extensions["read_hooks"] = {}
    app.extensions["response_hooks"] = []


def on_read(app: Flask, endpoint: str, hook: ReadHook) -> None:
    """Call `hook` for every GET of an endpoint whose response is 200 or 304."""
    app.extensions["read_hooks"].setdefault(endpoint, []).append(hook)


def on_response(app: Flask, hook: ResponseHook) -> None:
    """Call `hook` for every response."""
    app.extensions["response_hooks"].append(hook)


def run_read_hooks(
    app: Flask, endpoint: str, representation: Representation, scope: Scope, environ: dict[str, Any]
) -> None:
    """Call the read hooks of `endpoint`."""
    for hook in app.extensions["read_hooks"].get(endpoint, ()):
        hook(representation, scope, environ)
