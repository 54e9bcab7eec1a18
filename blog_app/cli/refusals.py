"""What the migration engine refuses, as a person at a terminal reads it: one message, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import peewee

from blog_app.databases import first_line
from blog_app.migrate import MigrationError, interrupts

INTERRUPTED = 130  # What a shell expects of a program that Ctrl-C ended.


@contextmanager
def plainly() -> Iterator[None]:
    """Heed Ctrl-C inside; turn a refusal, a database that is away and an interruption into a message and a code."""
    try:
        with interrupts.heeded():
            yield
    except MigrationError as error:
        raise click.ClickException(str(error)) from error
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        raise click.ClickException(first_line(error)) from error
    except KeyboardInterrupt as stopped:
        click.echo(str(stopped) or "stopped", err=True)
        raise SystemExit(INTERRUPTED) from stopped
