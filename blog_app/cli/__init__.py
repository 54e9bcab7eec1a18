"""The `flask` commands, one module a group, imported when they are used: a web worker imports none of them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from blog_app.cli.audited import audit_command
from blog_app.config import DATABASE_NAMES
from blog_app.data import databases, models

MODULES = {
    "cache": "cache",
    "databases": "databases",
    "deploy": "deploy",
    "generate": "generate",
    "migrate": "migrate",
    "outbox": "outbox",
    "pgbouncer": "pgbouncer",
    "restore": "deploy",
    "seed": "seed",
    "users": "users",
    "worker": "worker",
}
"""The module of this package that defines each command."""


class Commands(AppGroup):
    """The app's commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *MODULES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in MODULES else super().get_command(ctx, cmd_name)


@cache
def _command(name: str) -> click.Command:
    """Return a command, audited."""
    command: click.Command = getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
    audit_command(command)
    return command


def init_app(app: Flask) -> None:
    """Give `app` its commands, and the names that `flask shell` knows."""
    app.cli = Commands(app.name)
    app.shell_context_processor(shell_names)


def shell_names() -> dict[str, Any]:
    """Return what `flask shell` knows without an import: `Post.select()`, `databases.blog.atomic()`."""
    by_name = {model.__name__: model for name in DATABASE_NAMES for model in models.models_of(name)}
    return {"databases": databases, **by_name}
