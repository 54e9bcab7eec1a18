"""Who wants to know what is read, however the read is answered: by its view, from the cache, before Flask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from blog_app.data.cache import Answer
from blog_app.permissions import Scope

Watcher = Callable[[Answer, Scope, dict[str, Any]], None]
"""Takes the answer, on what the caller may do this, and the request as WSGI knows it.

It must be quick, and must not raise.
"""


def init_app(app: Flask) -> None:
    """Let reads of `app` be watched."""
    app.extensions["watchers"] = {}


def watch(app: Flask, endpoint: str, watcher: Watcher) -> None:
    """Tell `watcher` of every GET of an endpoint that is answered with 200 or 304, before the answer is sent."""
    app.extensions["watchers"].setdefault(endpoint, []).append(watcher)


def tell(app: Flask, endpoint: str, answer: Answer, scope: Scope, environ: dict[str, Any]) -> None:
    """Tell the watchers of `endpoint`."""
    for watcher in app.extensions["watchers"].get(endpoint, ()):
        watcher(answer, scope, environ)
