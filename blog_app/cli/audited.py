"""Commands in the audit trail: each is an action of whom the operating system runs it for, but those that only look.

Told is the command's name, and what it is about if it changes one record; not its arguments, which may be addresses.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from blog_app.background import audit

READERS = frozenset(
    {
        "flask cache status",
        "flask databases status",
        "flask generate resource",
        "flask migrate check",
        "flask migrate create",
        "flask migrate lint",
        "flask migrate plan",
        "flask migrate status",
        "flask outbox list",
        "flask outbox status",
        "flask pgbouncer",
        "flask seed create",
        "flask users list",
        "flask worker",
    }
)
"""Commands that change nothing in the databases; and the worker, whose doings follow from other actions."""


def tell(command: click.Command, parents: str = "flask") -> None:
    """Let a command, or each of a group, be an action."""
    name = f"{parents} {command.name}"
    if isinstance(command, click.Group):
        for each in command.commands.values():
            tell(each, name)
    elif name not in READERS and command.callback:
        command.callback = _told(name, command.callback)


def _told(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def told(*args: Any, **options: Any) -> Any:
        if options.get("dry_run"):
            return function(*args, **options)
        with audit.AuditedAction(name, audit.command_actor()):
            return function(*args, **options)

    return told
