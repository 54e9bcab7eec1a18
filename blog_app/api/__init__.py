"""The HTTP conventions that all resources share, so that a domain only declares what is its own."""

from __future__ import annotations

from functools import partial

from flask import Flask, Request
from flask.sessions import SessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from blog_app.api import docs
from blog_app.api.blueprint import Blueprint, operations_of
from blog_app.api.execution import hooks
from blog_app.api.execution.before_flask import BeforeFlask, log_access
from blog_app.api.requests import rate_limits
from blog_app.api.resources.schema import Schema
from blog_app.api.responses import headers
from blog_app.config import Settings
from blog_app.permissions import PERMISSIONS

__all__ = ["Blueprint", "Schema", "init_app", "require_permissions"]


class StorableConverter(BaseConverter):
    """A path segment without NUL characters, which PostgreSQL cannot store."""

    regex = r"[^/\x00]+"
    part_isolating = True


class NoSessions(SessionInterface):
    """No cookie sessions: to look for a cookie at each request would cost more than a cache hit."""

    def open_session(self, app: Flask, request: Request) -> None:
        return None


def init_app(app: Flask) -> None:
    """Add to `app` what needs no blueprint; call it before any is registered."""
    settings: Settings = app.config["SETTINGS"]
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    hooks.init_app(app)
    hooks.on_response(app, partial(log_access, settings.proxies))
    app.extensions["before_flask"] = app.wsgi_app = BeforeFlask(app, app.wsgi_app, operations_of)  # type: ignore[method-assign]
    app.session_interface = NoSessions()
    app.url_map.merge_slashes = False  # `//` is another URL, not a redirect to whatever host was named.
    app.url_map.converters["default"] = app.url_map.converters["string"] = StorableConverter
    headers.init_app(app)
    rate_limits.init_app(app)
    docs.init_app(app)


def require_permissions(app: Flask) -> None:
    """Raise `RuntimeError` unless exactly the endpoints that exist have a row in the table of permissions."""
    endpoints = {operation.endpoint for operation in operations_of(app)}
    wrong = [f"{name} has no row in PERMISSIONS" for name in sorted(endpoints - PERMISSIONS.keys())]
    wrong += [f"{name} has a row in PERMISSIONS and is no endpoint" for name in sorted(PERMISSIONS.keys() - endpoints)]
    if wrong:
        raise RuntimeError("; ".join(wrong))
