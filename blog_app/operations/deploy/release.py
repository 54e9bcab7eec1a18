"""A release: wait for the databases, back up, lint the migrations, migrate, verify; and roll back what it applied.

Nothing is changed before every logical database has responded and is backed up, and all pending migrations pass the
lint.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import peewee

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import databases, models
from blog_app.data.backoff import retry
from blog_app.data.databases import DATABASE_ERRORS, first_line
from blog_app.operations.deploy import backups
from blog_app.operations.migrate import MigrationError, all_databases, plan
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.database import Reporter
from blog_app.operations.migrate.runner import Runner
from blog_app.operations.migrate.schema.drift import check

DATABASE_TIMEOUT = 60.0
"""Seconds to wait for the databases."""
MIN_BACKOFF, MAX_BACKOFF = 1.0, 5.0


class ReleaseError(MigrationError):
    """A release failed; `str()` says at which step and why."""


@dataclass
class Release:
    """One run of `flask deploy`."""

    settings: Settings
    report: Reporter
    backup_dir: Path | None
    without_backfills: bool = False
    folder: Path | None = None
    changed: dict[str, str] = field(default_factory=dict)
    """The logical databases that this release changed, and the migration that each was at before, or `zero`."""

    def run(self) -> None:
        """Run all steps; raise `ReleaseError` at the first that fails."""
        steps = {
            "wait for the databases": self._wait,
            "back up": self._back_up,
            "check for unsafe migrations": self._lint,
            "migrate": self._migrate,
            "verify": self._verify,
        }
        for title, step in steps.items():
            self.report(f"deploy: {title}")
            try:
                step()
            except (MigrationError, *DATABASE_ERRORS, OSError, KeyboardInterrupt) as error:
                known = isinstance(error, MigrationError | KeyboardInterrupt) and str(error)
                reason = str(error) if known else first_line(error)
                raise ReleaseError(f"failed at: {title}: {reason}") from error

    def _wait(self) -> None:
        deadline = time.monotonic() + DATABASE_TIMEOUT
        for name in DATABASE_NAMES:
            try:
                retry(
                    partial(self._connect, name),
                    databases.DatabaseUnreachable,
                    lambda error, seconds: self.report(f"  {error}; next try in {seconds:.2g} s"),
                    timeout=deadline - time.monotonic(),
                    first=MIN_BACKOFF,
                    longest=MAX_BACKOFF,
                )
            except databases.DatabaseUnreachable as error:
                raise MigrationError(f"{name} did not respond for {DATABASE_TIMEOUT:g} s: {error}") from error

    def _connect(self, name: str) -> None:
        """Connect by both addresses: through the pooler, as the app does, and directly."""
        databases.require_answer(self.settings, name)
        with connected(self.settings, name, self.report):
            pass

    def _back_up(self) -> None:
        if self.backup_dir is None:
            self.report(f"  no backup: {'--no-backup' if self.settings.backup_dir else 'BACKUP_DIR is not set'}")
            return
        for name in DATABASE_NAMES:
            file = backups.dump(self.settings, name, self.backup_dir)
            self.report(f"  {file} ({file.stat().st_size:,} bytes)" if file else f"  {name} is still empty")

    def _lint(self) -> None:
        for name in DATABASE_NAMES:
            planned = plan.plan_pending(self.settings, name, self.folder)
            plan.refuse_dangers(planned)
            if used := plan.drops_in_use(planned, models.models_of(name)):
                raise MigrationError(f"{name}: {'; '.join(used)}. Release code without it first, then drop it")

    def _migrate(self) -> None:
        def work(runner: Runner) -> Sequence[str]:
            only = runner.next_pending(backfills=False) if self.without_backfills else None
            before = list(runner.applied)
            try:
                return runner.up(only=only, guard=plan.LintGuard())
            finally:
                if runner.applied != before or runner.unfinished:
                    self.changed[runner.name] = before[-1] if before else "zero"

        all_databases.run(self.settings, DATABASE_NAMES, work, self.report, self.folder)

    def _verify(self) -> None:
        problems = []
        for name in DATABASE_NAMES:
            report = check(self.settings, name, models.models_of(name), self.folder)
            pending = [] if self.without_backfills else report.pending
            problems += [f"{name}: {line}" for line in (*pending, *report.differences, *self._smoke(name))]
        if problems:
            raise ReleaseError("\n  ".join(["the databases are not what the code expects:", *problems]))

    def _smoke(self, name: str) -> list[str]:
        """Read a row of every model through the pooler, as the app does; return what fails."""
        problems = []
        server = databases.server(self.settings, name, self.settings.databases[name].url)
        for model in models.models_of(name):
            try:
                server.execute(model.select().limit(1)).fetchall()
            except peewee.DatabaseError as error:
                problems.append(f"reading {model._meta.table_name} fails: {first_line(error)}")
        server.discard()
        return problems

    def roll_back(self) -> None:
        """Roll back the migrations that this release applied; data written since may be lost."""

        def down(runner: Runner) -> Sequence[str]:
            return runner.down(to=self.changed[runner.name])

        for name in list(reversed(self.changed)):
            all_databases.run(self.settings, [name], down, self.report, self.folder)
            del self.changed[name]

    def rollback_command(self) -> str:
        """Return the shell command that rolls back what this release applied."""
        newest_first = reversed(self.changed.items())
        return " && ".join(f"flask migrate down --database {name} --to {before}" for name, before in newest_first)
