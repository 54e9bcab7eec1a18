"""The API's manners: what every resource has in common, so that a domain only says what is its own."""

from __future__ import annotations

from flask import Flask

from blog_app.http import docs
from blog_app.http.blueprint import Blueprint, operations_of
from blog_app.http.schema import Schema
from blog_app.permissions import PERMISSIONS

__all__ = ["Blueprint", "Schema", "init_app"]


def init_app(app: Flask) -> None:
    """Add the documentation, and check the permissions; call it when all blueprints are registered."""
    _require_permissions(app)
    docs.init_app(app)


def _require_permissions(app: Flask) -> None:
    """Raise `RuntimeError` unless exactly the endpoints that exist have a row in the table of permissions."""
    endpoints = {operation.endpoint for operation in operations_of(app)}
    wrong = [f"{name} has no row in PERMISSIONS" for name in sorted(endpoints - PERMISSIONS.keys())]
    wrong += [f"{name} has a row in PERMISSIONS and is no endpoint" for name in sorted(PERMISSIONS.keys() - endpoints)]
    if wrong:
        raise RuntimeError("; ".join(wrong))
