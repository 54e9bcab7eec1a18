"""`flask databases`: where every logical database is, and how one moves to another server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import click
from flask.cli import AppGroup

from blog_app.cli.errors import readable_errors
from blog_app.config import DATABASE_NAMES, POSTGRES_SCHEMES, settings
from blog_app.operations.move import overview
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.opening import alone, opened
from blog_app.operations.move.rerouting import ByCommand, ByPerson, ByPgBouncer, Rerouting
from blog_app.operations.pgbouncer import ADMIN_PASSWORD

AGAIN = "Run the same command again, and it goes on where it was; flask databases says how it stands."


class DatabasesGroup(AppGroup):
    """`status` when no subcommand is given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args:
            args.insert(0, "status")
        return super().parse_args(ctx, args)


databases = DatabasesGroup("databases", help="Where the logical databases are. Without a subcommand: status.")


@databases.command()
@click.option("--sizes/--no-sizes", default=True, help="Also count bytes and (about) rows.")
def status(sizes: bool) -> None:
    """Say where each one is, how big, and how its move stands.

    Exit code 1 when one is away.
    """
    away = False
    for name in DATABASE_NAMES:
        found = overview.of(settings(), name, sizes=sizes)
        away |= found.away
        click.echo(f"{name:<10} {found.place}")
        for line in found.lines:
            click.echo(f"{'':<10} {line}")
    if away:
        raise SystemExit(1)


def _address(_: click.Context, parameter: click.Parameter, url: str | None) -> str | None:
    """Return the address if it looks like one. It may hold a password, so it is not repeated."""
    if url is None or (urlsplit(url).scheme in POSTGRES_SCHEMES and len(urlsplit(url).path) > 1):
        return url
    raise click.BadParameter("an address is like postgresql://USER:PASSWORD@HOST:PORT/DATABASE", param=parameter)


@databases.command()
@click.argument("name", type=click.Choice(DATABASE_NAMES))
@click.option(
    "--to", metavar="URL", callback=_address, help="Where to: the address of PostgreSQL itself, not of a pooler."
)
@click.option("--pgbouncer", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False), help="See above.")
@click.option(
    "--then", "command", metavar="COMMAND", help="Runs in the freeze, with the new address in its environment."
)
@click.option("--dry-run", is_flag=True, help="Check everything, say what would happen, change nothing.")
@click.option("--abort", is_flag=True, help="Before the switch: stay, and clear away what was copied.")
@click.option("--back", is_flag=True, help="After the switch: return with all that was written since.")
@click.option("--confirm", is_flag=True, help="After the switch: give up the way back, DROP the old schema.")
@click.option("--other-is-gone", is_flag=True, help="With --abort or --confirm: the other server is lost for good.")
@click.option("--yes", is_flag=True, help="Do not ask before --confirm drops.")
@click.option("--offline", is_flag=True, help="Without logical replication: refuse writes while all rows are copied.")
@click.option("--freeze-limit", metavar="SECONDS", type=click.FloatRange(3, 86_400), help="10, offline 4 hours.")
@click.option(
    "--source-inside", metavar="URL", callback=_address, help="The old server's address as the new server reaches it."
)
@click.option(
    "--target-inside", metavar="URL", callback=_address, help="The new server's address as the old server reaches it."
)
def move(
    name: str,
    to: str | None,
    pgbouncer: Path | None,
    command: str | None,
    dry_run: bool,
    abort: bool,
    back: bool,
    confirm: bool,
    other_is_gone: bool,
    yes: bool,
    offline: bool,
    freeze_limit: float | None,
    source_inside: str | None,
    target_inside: str | None,
) -> None:
    """Move a logical database to another server while people use it.

    \b
      flask databases move blog --to postgresql://app:…@db2/blog --dry-run
      flask databases move blog --to postgresql://app:…@db2/blog \\
          --pgbouncer /etc/pgbouncer
      flask databases move blog --confirm            (or --back)

    Schema and rows are copied while writes go on, and what is written meanwhile follows. All rows are compared. Then
    writes are refused for a few seconds (503, Retry-After), reads are not; the last changes arrive, the processes are
    led to the new place, and it takes writes. The old place keeps its rows, shows and takes nothing, and --back returns
    to it with everything that was written since, until --confirm drops it.

    Killed at any point, or with Ctrl-C, it goes on where it was: run the same command again (--to may be left out). A
    freeze ends by itself after --freeze-limit, unless the processes were being led over already. Migrations of this
    logical database wait until the move is confirmed or taken back.

    How the processes learn the new address:

    \b
      --pgbouncer FOLDER  One PgBouncer stands in front of all of them. It reads
                          the files that flask pgbouncer wrote into FOLDER: they
                          are written anew and it reloads, by the login of
                          PGBOUNCER_ADMIN_PASSWORD. Nothing restarts.
      --then COMMAND      It changes their configuration, such as
                          heroku config:set BLOG_DATABASE_URL="$BLOG_DATABASE_URL"
      neither             At a terminal it prints what to set, and waits until you
                          say that all run with it.

    Both servers need PostgreSQL 16, wal_level = logical, and roles that may replicate and subscribe; --dry-run finds
    out.
    """
    if sum((abort, back, confirm, dry_run)) > 1:
        raise click.UsageError("one of --dry-run, --abort, --back and --confirm")
    if other_is_gone and not (abort or confirm):
        raise click.UsageError("--other-is-gone goes with --abort or --confirm")
    rerouting = _rerouting(pgbouncer, command)
    if other_is_gone:
        with readable_errors(AGAIN), alone(settings(), name, click.echo, rerouting) as survivor:
            survivor.stay()
        return
    with (
        readable_errors(AGAIN),
        opened(
            settings(),
            name,
            click.echo,
            to=to,
            inside=(source_inside, target_inside),
            offline=offline,
            rerouting=rerouting,
            freeze_limit=freeze_limit,
        ) as mover,
    ):
        if dry_run:
            for line in overview.plan(mover):
                click.echo(line)
        elif abort:
            mover.abort()
        elif back:
            mover.back()
        elif confirm:
            _confirm(mover, asked=not yes)
        else:
            mover.forward()


def _confirm(mover: Mover, *, asked: bool) -> None:
    if asked:
        click.confirm(f"Drop what is left of {mover.name} at the old place? There is no way back then.", abort=True)
    mover.confirm()


def _rerouting(pgbouncer: Path | None, command: str | None) -> Rerouting | None:
    if pgbouncer and command:
        raise click.UsageError("either --pgbouncer or --then")
    if pgbouncer:
        return ByPgBouncer(pgbouncer, os.environ.get(ADMIN_PASSWORD, ""))
    if command:
        return ByCommand(command)
    return ByPerson(click.echo) if sys.stdin.isatty() else None
