"""`flask seed`: rows for people to look at, in all logical databases or in those named by `--database`."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Any

import click
import peewee
from flask.cli import AppGroup
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn, TimeRemainingColumn

from blog_app.cli.options import database_option, databases_option
from blog_app.config import DATABASE_NAMES, ROOT, settings
from blog_app.data.databases import DatabaseAway, first_line
from blog_app.development.seed import SeedError, files, sample
from blog_app.development.seed import load as loading
from blog_app.development.seed.fake.fill import fill


class SeedGroup(AppGroup):
    """`load` when no subcommand is given; what is wrong with a file or a database is one message, not a traceback."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in self.get_help_option_names(ctx)):
            args.insert(0, "load")
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (SeedError, DatabaseAway) as error:
            raise click.ClickException(str(error)) from error
        except peewee.ProgrammingError as error:
            raise click.ClickException(f"{first_line(error)}. Run flask migrate up first.") from error


seed = SeedGroup("seed", help="Fill the logical databases with rows. Without a subcommand: load.")


@seed.command()
@databases_option()
@click.option("--if-empty", is_flag=True, help="Leave a logical database alone that holds rows of these tables.")
@click.option("--force", is_flag=True, help="Do not ask, not even in production.")
def load(names: Sequence[str], if_empty: bool, force: bool) -> None:
    """Load seed_data/: add the rows that are missing, and make those that are there as the files say.

    May be repeated: rows that are as they should be are not touched, rows that no file names neither.
    Each logical database is one transaction.
    """
    _confirm_in_production(force)
    files.check_names()
    for name in (each for each in DATABASE_NAMES if each in (names or DATABASE_NAMES)):
        if if_empty and not loading.is_empty(name):
            click.echo(f"{name}: holds rows already, left as it is")
            continue
        for table, counts in loading.load(name).items():
            done = ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "no rows"
            click.echo(f"{name}.{table}: {done}")


@seed.command()
@click.argument("table", metavar="NAME")
@database_option()
def create(table: str, name: str) -> None:
    """Write a sample seed file for the table NAME, as its model asks for."""
    click.echo(f"written: {sample.write(name, table).relative_to(ROOT)}")


@seed.command()
@click.option("--posts", type=click.IntRange(0), default=10_000, show_default=True, help="How many posts.")
@click.option("--users", type=click.IntRange(1), default=2_000, show_default=True, help="How many users.")
@click.option(
    "--seed", "number", type=click.IntRange(0), default=1, show_default=True, help="Another makes other rows."
)
@click.option("--force", is_flag=True, help="Do not ask, not even in production.")
def fake(posts: int, users: int, number: int, force: bool) -> None:
    """Fill accounts and blog with made-up users, posts, tags and comments.

    The same command makes the same rows, and adds only what is missing of them: it can be stopped and repeated. Nobody
    can sign in as a made-up user.
    """
    _confirm_in_production(force)
    added: Counter[str] = Counter()
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns) as bars, _interrupted_between_steps() as step:
            tasks = {table: bars.add_task(table, total=total) for table, total in (("users", users), ("posts", posts))}

            def progress(table: str, rows: int, new: bool) -> None:
                bars.advance(tasks[table], rows)
                added[table] += rows if new else 0
                step()

            fill(number, users, posts, progress)
    except KeyboardInterrupt:
        click.echo(f"stopped; added {_sum(added)}, all of them complete. The same command goes on from here.", err=True)
        raise SystemExit(130) from None
    click.echo(f"added {_sum(added)}")


@contextmanager
def _interrupted_between_steps() -> Iterator[Callable[[], None]]:
    """Let Ctrl-C wait for the end of a step: yield what is to be called there. A second one does not wait."""
    asked = Event()

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    def step() -> None:
        if asked.is_set():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield step
    finally:
        signal.signal(signal.SIGINT, before)


def _sum(added: Counter[str]) -> str:
    return " and ".join(f"{number} {table}" for table, number in added.items()) or "nothing"


def _confirm_in_production(force: bool) -> None:
    if settings().production and not force:
        click.confirm("APP_MODE is production. Write made-up rows into its databases?", abort=True, err=True)
