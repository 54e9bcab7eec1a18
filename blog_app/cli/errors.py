"""What migrations, moves and backups refuse, as a person at a terminal reads it: one message, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import peewee

from blog_app.data.databases import first_line
from blog_app.operations.migrate import MigrationError, signals

INTERRUPTED = 130  # What a shell expects of a program that Ctrl-C ended.


@contextmanager
def plainly(then: str = "") -> Iterator[None]:
    """Heed Ctrl-C inside; turn a refusal, a database that is away and an interruption into a message and a code.

    `then` says what to do after one of the last two.
    """
    try:
        with signals.heeded():
            yield
    except MigrationError as error:
        raise click.ClickException(str(error)) from error
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        raise click.ClickException("\n".join(filter(None, (first_line(error), then)))) from error
    except (KeyboardInterrupt, click.Abort) as stopped:
        click.echo("\n".join(filter(None, (f"\n{str(stopped) or 'stopped'}", then))), err=True)
        raise SystemExit(INTERRUPTED) from stopped
