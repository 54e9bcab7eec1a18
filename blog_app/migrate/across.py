"""The same over several logical databases: each to its end before the next, and a clear account when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import peewee

from blog_app.config import Settings
from blog_app.databases import first_line
from blog_app.migrate import MigrationError, files
from blog_app.migrate.connection import Say, connected, run_lock
from blog_app.migrate.runner import Runner

Work = Callable[[Runner], Sequence[str]]


def run(
    settings: Settings, names: Sequence[str], work: Work, say: Say, folder: Path = files.FOLDER
) -> dict[str, Sequence[str]]:
    """Do `work` with a runner for each logical database in turn; return which migrations it ran in each.

    The history is read after the lock is taken: who had to wait finds what the other run did.
    Raises `MigrationError` that says what is done, what failed and why, and what was not begun.
    """
    done: dict[str, Sequence[str]] = {}
    for name in names:
        try:
            with connected(settings, name, say) as connection, run_lock(connection):
                runner = Runner(connection, folder)
                before = list(runner.applied)
                try:
                    done[name] = work(runner)
                except Exception:
                    changed = [
                        item for item in {*before, *runner.applied} if (item in before) != (item in runner.applied)
                    ]
                    done[name] = sorted(changed)
                    raise
        except (MigrationError, peewee.DatabaseError, peewee.InterfaceError) as error:
            raise MigrationError(_account(names, name, done, error)) from error
    return done


def _account(names: Sequence[str], failed: str, done: dict[str, Sequence[str]], error: Exception) -> str:
    reason = str(error) if isinstance(error, MigrationError) else first_line(error)
    lines = [f"{failed} failed: {reason}"]
    for name, migrations in done.items():
        if migrations or name != failed:
            lines.append(f"  done in {name}: {', '.join(migrations) or 'nothing to do'}")
    rest = names[names.index(failed) + 1 :]
    if rest:
        lines.append(f"  not begun: {', '.join(rest)}")
    return "\n".join(lines)
