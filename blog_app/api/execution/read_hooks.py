"""Read hooks: functions that are called for each GET that is served, from the cache too, such as view counting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from blog_app.data.cache import Representation
from blog_app.permissions import Scope

ReadHook = Callable[[Representation, Scope, dict[str, Any]], None]
"""Takes the representation, the caller's scope, and the request as WSGI knows it.

It must be quick, and must not raise.
"""


def init_app(app: Flask) -> None:
    """Let `app` have read hooks."""
    app.extensions["read_hooks"] = {}


def add(app: Flask, endpoint: str, hook: ReadHook) -> None:
    """Call `hook` for every GET of an endpoint whose response is 200 or 304, before it is sent."""
    app.extensions["read_hooks"].setdefault(endpoint, []).append(hook)


def run(app: Flask, endpoint: str, representation: Representation, scope: Scope, environ: dict[str, Any]) -> None:
    """Call the hooks of `endpoint`."""
    for hook in app.extensions["read_hooks"].get(endpoint, ()):
        hook(representation, scope, environ)
