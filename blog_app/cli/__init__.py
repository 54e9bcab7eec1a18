"""The `flask` commands, one file a group."""

from __future__ import annotations

from flask import Flask

from blog_app.cli.audited import tell
from blog_app.cli.cache import cache
from blog_app.cli.databases import databases
from blog_app.cli.deploy import deploy, restore
from blog_app.cli.generate import generate
from blog_app.cli.migrate import migrate
from blog_app.cli.outbox import outbox
from blog_app.cli.pgbouncer import pgbouncer
from blog_app.cli.seed import seed
from blog_app.cli.shell import context
from blog_app.cli.users import users
from blog_app.cli.worker import worker

COMMANDS = (cache, databases, deploy, generate, migrate, outbox, pgbouncer, restore, seed, users, worker)

for _command in COMMANDS:
    tell(_command)


def init_app(app: Flask) -> None:
    """Add every command to the app's own, and the models to `flask shell`."""
    for command in COMMANDS:
        app.cli.add_command(command)
    app.shell_context_processor(context)
