"""Audited commands: every command that changes something is an audited action of the operating system's user.

An audit entry has the name of the command, and the record that it changes, if it is one; no arguments, which may be
email addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from blog_app.background import audit

UNAUDITED_COMMANDS = {
    *("flask cache status", "flask databases status", "flask migrate status", "flask outbox status"),
    *("flask generate database", "flask generate resource", "flask migrate create", "flask seed create"),
    *("flask migrate check", "flask migrate lint", "flask migrate plan"),
    *("flask outbox list", "flask users list", "flask pgbouncer", "flask worker"),
}
"""Commands that do not change a database; and the worker, whose work follows from other actions."""


def audit_command(command: click.Command, parents: str = "flask") -> None:
    """Make a command, or each command of a group, an audited action."""
    name = f"{parents} {command.name}"
    if isinstance(command, click.Group):
        for each in command.commands.values():
            audit_command(each, name)
    elif name not in UNAUDITED_COMMANDS and command.callback:
        command.callback = _audited(name, command.callback)


def _audited(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        if options.get("dry_run"):
            return function(*args, **options)
        with audit.AuditedAction(name, audit.command_actor()):
            return function(*args, **options)

    return wrapper
