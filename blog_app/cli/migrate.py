"""`flask migrate`: schema migrations of all logical databases, or of those named by `--database`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import click
from flask.cli import AppGroup

from blog_app.cli.errors import plainly
from blog_app.cli.options import database_option, databases_option
from blog_app.config import DATABASE_NAMES, settings
from blog_app.data import models
from blog_app.data.databases import server
from blog_app.operations.migrate import all_databases, files
from blog_app.operations.migrate import plan as plans
from blog_app.operations.migrate import status as state
from blog_app.operations.migrate.autogenerate import create
from blog_app.operations.migrate.runner import Runner
from blog_app.operations.migrate.schema import drift


class MigrateGroup(AppGroup):
    """`up` when no subcommand is given; what the engine refuses is one message, not a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args.insert(0, "up")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with plainly():
            return super().invoke(ctx)


migrate = MigrateGroup(
    "migrate",
    help="Change the schemas of the logical databases. Without a subcommand: up.",
)


@migrate.command()
@databases_option()
@click.option("--to", metavar="NAME", help="Stop after this migration (its name or number); needs one --database.")
@click.option("--without-backfills", is_flag=True, help="Stop before a migration that fills rows of a big table.")
def up(names: Sequence[str], to: str | None, without_backfills: bool) -> None:
    """Apply pending migrations, one logical database after the other.

    Dangerous ones are refused before the first statement (see `plan`). A backfill may be stopped with Ctrl-C and goes
    on when it is started again.
    """
    if to and len(names) != 1:
        raise click.UsageError("--to needs one --database: each has its own migrations")
    guard = plans.LintGuard()

    def work(runner: Runner) -> Sequence[str]:
        only = plans.next_pending(runner, backfills=False) if without_backfills else None
        applied = runner.up(to, only=only, guard=guard)
        if without_backfills and runner.pending:
            click.echo(f"{runner.name}: next is a backfill: flask migrate backfill --database {runner.name}")
        return applied

    _summary(all_databases.run(settings(), names or DATABASE_NAMES, work, click.echo), "applied")


@migrate.command()
@databases_option()
def backfill(names: Sequence[str]) -> None:
    """Run the backfills that come next, and nothing behind them. Ctrl-C stops; the next start goes on."""
    guard = plans.LintGuard()

    def work(runner: Runner) -> Sequence[str]:
        return runner.up(only=plans.next_pending(runner, backfills=True), guard=guard)

    _summary(all_databases.run(settings(), names or DATABASE_NAMES, work, click.echo), "applied")


@migrate.command()
@databases_option("The logical database. Only --all may go over several, or over all.")
@click.option("--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many to take back.")
@click.option("--to", metavar="NAME", help="Take back all after this one, which stays ('zero': all).")
@click.option("--all", "everything", is_flag=True, help="Take back all migrations; the data goes too.")
def down(names: Sequence[str], steps: int, to: str | None, everything: bool) -> None:
    """Take migrations back by their rollback.

    What they added is lost, data included.
    """
    if not everything and len(names) != 1:
        raise click.UsageError("name one --database (only --all may go over several)")
    # Backwards, so that what came last goes first.
    order = tuple(reversed(names or DATABASE_NAMES))
    done = all_databases.run(
        settings(),
        order,
        lambda runner: runner.down(steps=steps, to=to, everything=everything),
        click.echo,
    )
    _summary(done, "taken back")


@migrate.command()
@databases_option()
def plan(names: Sequence[str]) -> None:
    """Print the pending SQL with its locks and its dangers.

    It says how big the tables are on which locks are taken, and changes nothing. Exit code 1 when there is a danger
    that its migration does not call safe.
    """
    dangerous = False
    for name in names or DATABASE_NAMES:
        planned = plans.of_pending(settings(), name)
        click.echo(f"{name}: {f'{len(planned)} pending' if planned else 'nothing to do'}")
        for item in planned:
            dangerous |= bool(item.dangers)
            for line in plans.describe(item):
                click.echo(f"  {line}")
    if dangerous:
        raise SystemExit(1)


@migrate.command()
@databases_option()
def lint(names: Sequence[str]) -> None:
    """Check every migration file for dangers, without a database. Exit code 1 when there is one."""
    for name in names or DATABASE_NAMES:
        migrations = files.read(name)
        files.refuse_shared_numbers(migrations, ())
        plans.refuse_dangers(plans.plan(name, migrations, migrations))
        click.echo(f"{name}: {len(migrations)} migrations, no danger")


@migrate.command()
@databases_option()
def status(names: Sequence[str]) -> None:
    """List the migrations and when each was applied. Exit code 1 when some are pending."""
    found_pending = False
    for name in names or DATABASE_NAMES:
        source = server(settings(), name, settings().databases[name].direct_url)
        lines = state.lines(source, name)
        source.discard()
        click.echo(f"{name}: {'no migrations' if not lines else ''}".rstrip())
        for line in lines:
            when = f"{line.migrated_at:%Y-%m-%d %H:%M:%S} UTC" if line.migrated_at else "pending"
            click.echo(f"  {line.name:<50} {when}{'' if line.file_exists else '  (its file is gone)'}")
            for step in line.steps:
                click.echo(f"    {step}")
            found_pending |= line.migrated_at is None
    if found_pending:
        raise SystemExit(1)


@migrate.command("create")
@click.argument("title", metavar="NAME")
@database_option()
@click.option("--auto", is_flag=True, help="Write what the models have and the migrations have not.")
def create_file(title: str, name: str, auto: bool) -> None:
    """Write a new migration file, its number the next free one."""
    if not auto:
        click.echo(f"written: {os.path.relpath(create.empty(name, title))}")
        return
    written = create.automatic(settings(), name, title, models.models_of(name))
    for path in written.paths:
        click.echo(f"written: {os.path.relpath(path)}")
    for note in written.notes:
        click.echo(f"to do: {note}")


@migrate.command()
@databases_option()
def check(names: Sequence[str]) -> None:
    """Compare models, migrations and the live databases. Exit code 1 when they differ."""
    different = False
    for name in names or DATABASE_NAMES:
        report = drift.check(settings(), name, models.models_of(name))
        different |= bool(report.problems)
        click.echo(f"{name}: {_count(len(report.problems), 'difference')}")
        for line in (*report.problems, *(f"note: {note}" for note in report.notes)):
            click.echo(f"  {line}")
    if different:
        raise SystemExit(1)


@migrate.command()
@database_option()
def redo(name: str) -> None:
    """Take the last migration back and apply it again.

    For a migration that you are writing.
    """
    _summary(
        all_databases.run(settings(), [name], lambda runner: runner.redo(), click.echo), "taken back and applied again"
    )


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'s' if number > 1 else ''}"


def _summary(done: dict[str, Sequence[str]], what: str) -> None:
    for name, migrations in done.items():
        click.echo(f"{name}: {f'{len(migrations)} {what}' if migrations else 'nothing to do'}")
