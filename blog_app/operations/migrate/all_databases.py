"""Runs migrations in several logical databases, one after the other; an error says what is done and what is not."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from blog_app.config import Settings
from blog_app.data.databases import DatabaseUnreachable, first_line
from blog_app.operations.migrate import MigrationError, files
from blog_app.operations.migrate.connection import connected, run_lock
from blog_app.operations.migrate.database import Reporter
from blog_app.operations.migrate.runner import Runner
from blog_app.operations.migrate.signals import Stopped

Work = Callable[[Runner], Sequence[str]]


def run(
    settings: Settings, names: Sequence[str], work: Work, report: Reporter, folder: Path | None = None
) -> dict[str, Sequence[str]]:
    """Call `work` with a runner for each logical database in turn; return which migrations it ran in each.

    The history is read after the lock is taken, so a run that had to wait sees what the other run did.
    Raises `MigrationError` that says what is done, what failed and why, and what was not started; `Stopped`, which says
    the same, after a signal.
    """
    done: dict[str, Sequence[str]] = {}
    for name in names:
        try:
            with connected(settings, name, report) as connection, run_lock(connection):
                runner = Runner(connection, folder)
                before = set(runner.applied)
                try:
                    done[name] = work(runner)
                except BaseException:
                    done[name] = sorted(before ^ set(runner.applied))
                    raise
        except KeyboardInterrupt as error:
            where = "; ".join(text for text in (_reason(error), "run it again to resume") if text)
            raise Stopped(_report(names, name, done, f"was stopped: {where}")) from error
        except Exception as error:
            again = ". Run it again to resume when it is back" if isinstance(error, DatabaseUnreachable) else ""
            raise MigrationError(_report(names, name, done, f"failed: {_reason(error)}{again}")) from error
    return done


def _report(names: Sequence[str], failed: str, done: dict[str, Sequence[str]], what: str) -> str:
    lines = [f"{failed} {what}"]
    for name, migrations in done.items():
        if migrations or name != failed:
            lines.append(f"  done in {name}: {', '.join(migrations) or 'nothing to do'}")
    rest = names[names.index(failed) + 1 :]
    if rest:
        lines.append(f"  not started: {', '.join(rest)}")
    return "\n".join(lines)


def _reason(error: BaseException) -> str:
    what = reversed([note for note in getattr(error, "__notes__", ()) if note not in str(error)])
    return ": ".join(part for part in (*what, _message(error)) if part)


def _message(error: BaseException) -> str:
    if isinstance(error, MigrationError | KeyboardInterrupt):
        return str(error)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if files.FILE_NAME.fullmatch(Path(frame.filename).name):
            return f"{first_line(error)} ({type(error).__name__} in {Path(frame.filename).name}, line {frame.lineno})"
    return first_line(error)
