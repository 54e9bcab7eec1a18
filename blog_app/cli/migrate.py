"""`flask migrate`: schema migrations of all logical databases, or of those given by `--database`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
from flask.cli import AppGroup

from blog_app.cli.errors import readable_errors
from blog_app.cli.options import database_option, databases_option
from blog_app.config import settings
from blog_app.data import models
from blog_app.data.databases import server
from blog_app.operations.deploy import backups
from blog_app.operations.migrate import all_databases, files, plan as plans, status as statuses
from blog_app.operations.migrate.autogenerate import create
from blog_app.operations.migrate.losses import losses
from blog_app.operations.migrate.runner import Runner
from blog_app.operations.migrate.schema import drift

YES = "In production: do not ask before data is lost."


class MigrateGroup(AppGroup):
    """Runs `up` without a subcommand; errors are one message, not a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args.insert(0, "up")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with readable_errors():
            return super().invoke(ctx)


migrate = MigrateGroup("migrate", help="Migrate the schemas of the logical databases. Without a subcommand: up.")


@migrate.command()
@databases_option()
@click.option("--to", metavar="NAME", help="Stop after this migration (name or number). Requires one --database.")
@click.option("--without-backfills", is_flag=True, help="Stop before the first backfill.")
def up(names: Sequence[str], to: str | None, without_backfills: bool) -> None:
    """Apply pending migrations, one logical database after the other.

    Dangerous migrations are refused before anything runs (see `plan`). Ctrl-C stops a backfill; run the command again
    to resume it.
    """
    if to and len(names) != 1:
        raise click.UsageError("--to requires one --database, because each has its own migrations.")
    guard = plans.LintGuard()

    def apply(runner: Runner) -> Sequence[str]:
        only = runner.next_pending(backfills=False) if without_backfills else None
        applied = runner.up(to, only=only, guard=guard)
        if unknown := runner.unknown:
            what = f"{', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} applied"
            click.echo(f"{runner.name}: the database is ahead of this code, which has no such migration: {what}")
        if without_backfills and runner.pending:
            click.echo(f"{runner.name}: next is a backfill. Run flask migrate backfill --database {runner.name}")
        return applied

    _run(names, apply, "applied")


@migrate.command()
@databases_option()
def backfill(names: Sequence[str]) -> None:
    """Run the backfills that are next, and no other migration.

    Ctrl-C stops a backfill; run the command again to resume it.
    """
    guard = plans.LintGuard()
    _run(names, lambda runner: runner.up(only=runner.next_pending(backfills=True), guard=guard), "applied")


@migrate.command()
@databases_option("The logical database. Only with --all: may be repeated; default: all.")
@click.option("--steps", type=click.IntRange(min=1), default=1, show_default=True, help="How many to roll back.")
@click.option("--to", metavar="NAME", help="Roll back all migrations after this one ('zero': all).")
@click.option("--all", "everything", is_flag=True, help="Roll back all migrations, with the loss of all data.")
@click.option("--yes", is_flag=True, help=YES)
def down(names: Sequence[str], steps: int, to: str | None, everything: bool, yes: bool) -> None:
    """Roll migrations back.

    The data in the tables and columns that they added is lost. In production the command names them and asks first,
    and backs up to BACKUP_DIR, if that is set.
    """
    if not everything and len(names) != 1:
        raise click.UsageError("Give one --database. Only --all allows several.")
    _confirm_in_production(names, yes, lambda runner: runner.rolled_back_by(steps=steps, to=to, everything=everything))
    _run(names[::-1], lambda runner: runner.down(steps=steps, to=to, everything=everything), "rolled back")


@migrate.command()
@databases_option()
def plan(names: Sequence[str]) -> None:
    """Print the pending SQL with locks, table sizes and dangers.

    Nothing is changed. Exit code 1 if there is a danger that its migration does not declare safe.
    """
    dangerous = False
    for name in names:
        planned = plans.plan_pending(settings(), name)
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
    """Check all migration files for dangers, without a database.

    Exit code 1 if there is a danger that its migration does not declare safe.
    """
    for name in names:
        migrations = files.read(name)
        files.refuse_duplicate_numbers(migrations, ())
        plans.refuse_dangers(plans.plan(name, migrations, migrations))
        click.echo(f"{name}: {len(migrations)} migrations, no danger")


@migrate.command()
@databases_option()
def status(names: Sequence[str]) -> None:
    """List the migrations, with the time when each was applied. Exit code 1 if some are pending."""
    found_pending = False
    for name in names:
        source = server(settings(), name, settings().databases[name].direct_url)
        migrations = statuses.list_all(source, name)
        source.discard()
        click.echo(f"{name}: {'no migrations' if not migrations else ''}".rstrip())
        for item in migrations:
            when = f"{item.migrated_at:%Y-%m-%d %H:%M:%S} UTC" if item.migrated_at else "pending"
            click.echo(f"  {item.name:<50} {when}{'' if item.file_exists else '  (file missing)'}")
            for step in item.steps:
                click.echo(f"    {step}")
            found_pending |= item.migrated_at is None
    if found_pending:
        raise SystemExit(1)


@migrate.command("create")
@click.argument("title", metavar="NAME")
@database_option()
@click.option("--auto", is_flag=True, help="Generate it from the difference between models and migrations.")
def create_file(title: str, name: str, auto: bool) -> None:
    """Create a migration file with the next free number."""
    if not auto:
        click.echo(f"created: {os.path.relpath(create.create_empty(name, title))}")
        return
    paths, to_do = create.autogenerate(settings(), name, title, models.models_of(name))
    for path in paths:
        click.echo(f"created: {os.path.relpath(path)}")
    for line in to_do:
        click.echo(f"to do: {line}")


@migrate.command()
@databases_option()
def check(names: Sequence[str]) -> None:
    """Compare models, migrations and live databases (drift). Exit code 1 if they differ."""
    different = False
    for name in names:
        report = drift.check(settings(), name, models.models_of(name))
        different |= bool(report.problems)
        count = len(report.problems)
        click.echo(f"{name}: {count or 'no'} difference{'s' if count > 1 else ''}")
        for line in (*report.problems, *(f"note: {note}" for note in report.notes)):
            click.echo(f"  {line}")
    if different:
        raise SystemExit(1)


@migrate.command()
@database_option()
@click.option("--yes", is_flag=True, help=YES)
def redo(name: str, yes: bool) -> None:
    """Roll the last migration back and apply it again.

    Use it while you write a migration. In production it asks first, as `down` does.
    """
    _confirm_in_production([name], yes, lambda runner: runner.rolled_back_by())
    _run([name], lambda runner: runner.redo(), "rolled back and applied again")


def _confirm_in_production(
    names: Sequence[str], yes: bool, wanted: Callable[[Runner], Sequence[files.Migration]]
) -> None:
    """Ask before data of production is lost, unless `yes`; then back up the logical databases that lose some."""
    if not settings().production:
        return
    lost: dict[str, Sequence[str]] = {}

    def look(runner: Runner) -> Sequence[str]:
        lost[runner.name] = losses(runner, wanted(runner))
        return ()

    all_databases.run(settings(), names, look, lambda _: None)
    losing = [name for name in names if lost[name]]
    for name in losing:
        click.echo(f"{name} would lose: {', '.join(lost[name])}", err=True)
    if losing and not yes:
        if not has_terminal():
            raise click.UsageError(
                "APP_MODE is production and there is no terminal to ask: add --yes to lose this data."
            )
        click.confirm("APP_MODE is production. Roll back, and lose this data?", abort=True, err=True)
    for name in losing:
        folder = settings().backup_dir
        file = backups.dump(settings(), name, folder) if folder else None
        click.echo(f"{name}: {f'backed up to {file}' if file else 'no backup, BACKUP_DIR is not set'}")


def has_terminal() -> bool:
    """Return whether somebody can answer a question."""
    return sys.stdin.isatty()


def _run(names: Sequence[str], work: all_databases.Work, what: str) -> None:
    for name, migrations in all_databases.run(settings(), names, work, click.echo).items():
        click.echo(f"{name}: {f'{len(migrations)} {what}' if migrations else 'nothing to do'}")
