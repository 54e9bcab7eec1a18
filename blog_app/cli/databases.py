"""`flask databases`: the status of the logical databases, and the command that moves one to another server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from flask.cli import AppGroup

from blog_app.cli.errors import readable_errors
from blog_app.config import DATABASE_NAMES, POSTGRES_SCHEMES, is_escaped, settings
from blog_app.operations.move import overview
from blog_app.operations.move.redirection import (
    CommandRedirection,
    ManualRedirection,
    PgBouncerRedirection,
    Redirection,
)
from blog_app.operations.move.session import end_without_other_server, open_move
from blog_app.operations.pgbouncer import ADMIN_PASSWORD

AGAIN = "Run the same command again to continue; flask databases shows the state."


@click.group(cls=AppGroup, invoke_without_command=True)
@click.pass_context
def databases(context: click.Context) -> None:
    """Status and moves of the logical databases. Without a subcommand: status."""
    if context.invoked_subcommand is None:
        context.invoke(status)


@databases.command()
@click.option("--sizes/--no-sizes", default=True, help="Also show bytes and (about) rows.")
def status(sizes: bool) -> None:
    """Show the URL, size and move of each logical database.

    Exit code 1 if one is unreachable.
    """
    unreachable = False
    for name in DATABASE_NAMES:
        found = overview.describe(settings(), name, sizes=sizes)
        unreachable |= found.unreachable
        click.echo(f"{name:<10} {found.address}")
        for line in found.lines:
            click.echo(f"{'':<10} {line}")
    if unreachable:
        raise SystemExit(1)


def _address(_: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Return the URL if it is valid; it may hold a password, so the error does not repeat it."""
    if url is None or (is_escaped(url) and urlsplit(url).scheme in POSTGRES_SCHEMES and len(urlsplit(url).path) > 1):
        return url
    raise click.BadParameter("use the form postgresql://USER:PASSWORD@HOST:PORT/DATABASE", param=parameter)


@databases.command()
@click.argument("name", type=click.Choice(DATABASE_NAMES))
@click.option("--to", metavar="URL", callback=_address, help="The target: the URL of PostgreSQL, not of a pooler.")
@click.option("--pgbouncer", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False), help="See above.")
@click.option("--then", "command", metavar="COMMAND", help="Runs in the freeze; its environment has the new URL.")
@click.option("--dry-run", is_flag=True, help="Check everything, show what would happen, change nothing.")
@click.option("--abort", is_flag=True, help="Before the switch: stay at the source, remove the copy.")
@click.option("--back", is_flag=True, help="After the switch: return with everything written since.")
@click.option("--confirm", is_flag=True, help="After the switch: end the move, DROP the schema at the source.")
@click.option("--other-is-gone", is_flag=True, help="With --abort or --confirm: the other server is lost.")
@click.option("--yes", is_flag=True, help="Do not ask before --confirm.")
@click.option("--offline", is_flag=True, help="Without logical replication: refuse writes while all rows are copied.")
@click.option(
    "--freeze-limit",
    metavar="SECONDS",
    type=click.FloatRange(3, 86_400),
    help="Refuse writes at most so long. Default: 10, offline 4 hours.",
)
@click.option("--source-inside", metavar="URL", callback=_address, help="The source's URL, seen from the target.")
@click.option("--target-inside", metavar="URL", callback=_address, help="The target's URL, seen from the source.")
def move(
    name: str,
    pgbouncer: Path | None,
    command: str | None,
    dry_run: bool,
    abort: bool,
    back: bool,
    confirm: bool,
    other_is_gone: bool,
    yes: bool,
    **options: Any,  # Those of `open_move`.
) -> None:
    """Move a logical database to another server while people use it.

    \b
      flask databases move blog --to postgresql://app:…@db2/blog --dry-run
      flask databases move blog --to postgresql://app:…@db2/blog \\
          --pgbouncer /etc/pgbouncer
      flask databases move blog --confirm            (or --back)

    The command copies schema and rows while writes go on, replicates new changes, and compares all rows. Then it
    refuses writes (503, Retry-After) but not reads for a few seconds, waits for the last changes, redirects the
    processes to the target, and lets the target take writes. The source keeps its rows, hidden. --back returns to it
    with everything written since; --confirm drops it.

    If the command is killed or stopped with Ctrl-C, run it again to continue (--to may be left out). A freeze expires
    after --freeze-limit, unless processes were already being redirected. Migrations of this logical database wait until
    the move is confirmed or taken back.

    How the processes get the new URL:

    \b
      --pgbouncer FOLDER  One PgBouncer serves all processes, with the files that
                          flask pgbouncer wrote into FOLDER. The files are
                          rewritten and PgBouncer reloads them (it needs
                          PGBOUNCER_ADMIN_PASSWORD). Nothing restarts.
      --then COMMAND      A command that changes their configuration, such as
                          heroku config:set BLOG_DATABASE_URL="$BLOG_DATABASE_URL"
      neither             At a terminal, the command prints what to set and waits
                          until you confirm that all processes use it.

    Both servers need PostgreSQL 16, wal_level = logical, and roles that may replicate and subscribe; --dry-run checks
    that.
    """
    if sum((abort, back, confirm, dry_run)) > 1:
        raise click.UsageError("use only one of --dry-run, --abort, --back and --confirm")
    if other_is_gone and not (abort or confirm):
        raise click.UsageError("--other-is-gone needs --abort or --confirm")
    redirection = _redirection(name, pgbouncer, command)
    if other_is_gone:
        with readable_errors(AGAIN):
            end_without_other_server(settings(), name, click.echo, redirection)
        return
    with readable_errors(AGAIN), open_move(settings(), name, click.echo, redirection=redirection, **options) as mover:
        if dry_run:
            for line in overview.dry_run(mover):
                click.echo(line)
        elif abort:
            mover.abort()
        elif back:
            mover.back()
        elif confirm:
            if not yes:
                click.confirm(f"Drop the rows of {name} at the source? You cannot move back then.", abort=True)
            mover.confirm()
        else:
            mover.forward()


def _redirection(name: str, pgbouncer: Path | None, command: str | None) -> Redirection | None:
    if pgbouncer and command:
        raise click.UsageError("use either --pgbouncer or --then")
    if pgbouncer:
        return PgBouncerRedirection(settings(), name, pgbouncer, os.environ.get(ADMIN_PASSWORD, ""))
    if command:
        return CommandRedirection(settings(), name, command)
    return ManualRedirection(settings(), name) if sys.stdin.isatty() else None
