"""`flask seed`: load seed data or fake data into the logical databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click
import peewee
from flask.cli import AppGroup

from blog_app.cli.options import database_option, databases_option
from blog_app.config import DATABASE_NAMES, ROOT, settings
from blog_app.data.databases import first_line
from blog_app.development.seed import files, load as loading, sample
from blog_app.development.seed.fake.fill import fill
from blog_app.operations.migrate.signals import defer_signals
from blog_app.operations.progress_bar import ProgressBar


class SeedGroup(AppGroup):
    """`load` without a subcommand; an error of a database is one line, not a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args.insert(0, "load")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except peewee.ProgrammingError as error:
            raise click.ClickException(f"{first_line(error)}. Run flask migrate up first.") from error
        except peewee.OperationalError as error:
            raise click.ClickException(first_line(error)) from error


seed = SeedGroup("seed", help="Fill the logical databases with rows. Without a subcommand: load.")


@seed.command()
@databases_option()
@click.option("--if-empty", is_flag=True, help="Skip a logical database whose tables hold rows.")
@click.option("--force", is_flag=True, help="Do not ask for confirmation in production.")
def load(names: Sequence[str], if_empty: bool, force: bool) -> None:
    """Load the rows of seed_data/.

    Inserts missing rows, and changes rows that differ from the files. Can be repeated. Rows that equal the files, and
    rows that are in no file, are not touched. Each logical database is one transaction.
    """
    _confirm_in_production(force)
    files.check_folders()
    for name in (each for each in DATABASE_NAMES if each in names):
        if if_empty and not loading.is_empty(name):
            click.echo(f"{name}: skipped, it holds rows already")
            continue
        for table, counts in loading.load(name).items():
            done = ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "no rows"
            click.echo(f"{name}.{table}: {done}")


@seed.command()
@click.argument("table", metavar="NAME")
@database_option()
def create(table: str, name: str) -> None:
    """Write a sample seed file for the table NAME."""
    click.echo(f"written: {sample.write(name, table).relative_to(ROOT)}")


@seed.command()
@click.option("--posts", type=click.IntRange(0), default=10_000, show_default=True, help="Number of posts.")
@click.option("--users", type=click.IntRange(1), default=2_000, show_default=True, help="Number of users.")
@click.option("--seed", "number", type=click.IntRange(0), default=1, show_default=True, help="Random seed.")
@click.option("--force", is_flag=True, help="Do not ask for confirmation in production.")
def fake(posts: int, users: int, number: int, force: bool) -> None:
    """Insert fake users, posts, tags and comments.

    The same command makes the same rows, and inserts only those that are missing: it can be stopped and repeated.
    Nobody can sign in as a fake user.
    """
    _confirm_in_production(force)
    added: Counter[str] = Counter()
    try:
        with ProgressBar("users and posts", users + posts) as bar, defer_signals() as signalled:

            def progress(table: str, rows: int, new: int) -> None:
                bar.update(bar.done + rows)
                added[table] += new
                if signalled.is_set():
                    raise KeyboardInterrupt

            fill(number, users, posts, progress)
    except KeyboardInterrupt:
        click.echo(f"stopped; added {_sum(added)}, all of them complete. Run the command again to continue.", err=True)
        raise SystemExit(130) from None
    click.echo(f"added {_sum(added)}")


def _sum(added: Counter[str]) -> str:
    return " and ".join(f"{number} {table}" for table, number in added.items()) or "nothing"


def _confirm_in_production(force: bool) -> None:
    if settings().production and not force:
        click.confirm("APP_MODE is production. Write seed data into its databases?", abort=True, err=True)
