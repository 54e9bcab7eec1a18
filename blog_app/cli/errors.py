"""Errors of commands: migrations, moves and backups fail with one message and an exit code, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from blog_app.config import ConfigurationError
from blog_app.data.databases import DATABASE_ERRORS, first_line
from blog_app.operations.migrate import MigrationError, signals

INTERRUPTED = 130  # The exit code of a program that Ctrl-C ended, by convention of the shells.


@contextmanager
def readable_errors(hint: str = "") -> Iterator[None]:
    """Turn the errors of migrations, configuration and databases, Ctrl-C and SIGTERM into a message and an exit code.

    `hint` says what to do after a database error, Ctrl-C or SIGTERM.
    """
    try:
        with signals.handle_signals():
            yield
    except (MigrationError, ConfigurationError) as error:
        raise click.ClickException(str(error)) from error
    except DATABASE_ERRORS as error:
        raise click.ClickException("\n".join(filter(None, (first_line(error), hint)))) from error
    except (KeyboardInterrupt, click.Abort) as stopped:
        click.echo("\n".join(filter(None, (f"\n{str(stopped) or 'stopped'}", hint))), err=True)
        raise SystemExit(INTERRUPTED) from stopped
