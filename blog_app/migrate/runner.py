"""Runs the migrations of one logical database: up, down, and what is pending.

An atomic migration is one transaction: its statements, then its line in the history. Models of earlier migrations
(`migrator.orm`) are rebuilt from their files, with nothing sent to the database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import peewee

from blog_app.migrate import MigrationError, files, history
from blog_app.migrate.connection import Connection
from blog_app.migrate.files import Migration
from blog_app.migrate.migrator import Migrator
from blog_app.migrate.recorder import Recorder


@dataclass(frozen=True)
class Line:
    """One migration in the answer to "what is the state?"."""

    name: str
    migrated_at: datetime | None
    file_exists: bool = True


def status(database: peewee.PostgresqlDatabase, name: str, folder: Path = files.FOLDER) -> list[Line]:
    """Return files and history in one list: the files in order, then what the history has and no file explains."""
    done = history.applied(database, name)
    migrations = files.read(name, folder)
    known = {migration.name for migration in migrations}
    lines = [Line(migration.name, done.get(migration.name)) for migration in migrations]
    return lines + [Line(gone, at, file_exists=False) for gone, at in done.items() if gone not in known]


def pending(database: peewee.PostgresqlDatabase, name: str, folder: Path = files.FOLDER) -> list[str]:
    """Return the names of the migrations that `up` would apply; works through a pooler too."""
    return [line.name for line in status(database, name, folder) if line.migrated_at is None]


class Runner:
    """One logical database during one run; its connection must hold the run lock."""

    def __init__(self, connection: Connection, folder: Path = files.FOLDER) -> None:
        self.connection = connection
        self.name = connection.name
        self.migrations = files.read(self.name, folder)
        history.ensure(connection, self.name)
        self.applied = list(history.applied(connection, self.name))
        files.refuse_shared_numbers(self.migrations, self.applied)

    @property
    def pending(self) -> list[Migration]:
        return [migration for migration in self.migrations if migration.name not in self.applied]

    def up(self, to: str | None = None) -> Sequence[str]:
        """Apply what is pending, to the end or up to and including `to`; return the names applied."""
        last = self._find(to).number if to else float("inf")
        plan = [migration for migration in self.pending if migration.number <= last]
        for migration in plan:
            self._run(migration, "applying", migration.migrate, history.add)
            self.applied.append(migration.name)
        return [migration.name for migration in plan]

    def down(self, *, steps: int = 1, to: str | None = None, everything: bool = False) -> Sequence[str]:
        """Take back the last `steps` migrations, or all after `to` (which stays), or all; return their names."""
        if to and to not in ("0", "zero"):
            keep = self.applied.index(self._applied_name(to)) + 1
        else:
            keep = 0 if everything or to else max(len(self.applied) - steps, 0)
        plan = [self._file_of(name) for name in reversed(self.applied[keep:])]
        rollbacks = [migration.rollback for migration in plan]  # All must exist before the first one runs.
        for migration, rollback in zip(plan, rollbacks, strict=True):
            self._run(migration, "taking back", rollback, history.remove)
            self.applied.remove(migration.name)
        return [migration.name for migration in plan]

    def _run(
        self,
        migration: Migration,
        doing: str,
        function: Callable[..., None],
        record: Callable[[peewee.PostgresqlDatabase, str, str], None],
    ) -> None:
        self.connection.say(f"{self.name}: {doing} {migration.name}")
        migrator = self._migrator()
        with self.connection.atomic():
            function(migrator, self.connection, fake=False)
            migrator()
            record(self.connection, self.name, migration.name)

    def _migrator(self) -> Migrator:
        """Return a migrator whose models are those of the applied migrations."""
        migrator = Migrator(self.connection, self.name)
        recorder = Recorder()
        for name in self.applied:
            for migration in self.migrations:
                if migration.name == name:
                    migration.migrate(migrator, recorder, fake=True)
                    migrator.forget()
        return migrator

    def _find(self, wanted: str) -> Migration:
        return files.find(self.migrations, wanted, self.name)

    def _applied_name(self, wanted: str) -> str:
        name = self._find(wanted).name
        if name not in self.applied:
            raise MigrationError(f"{self.name}: {name} is not applied; applied: {', '.join(self.applied) or 'none'}")
        return name

    def _file_of(self, name: str) -> Migration:
        for migration in self.migrations:
            if migration.name == name:
                return migration
        raise MigrationError(
            f"{self.name}: {name} is applied, but its file is gone, so nothing knows how to take it back; "
            "check out the version of the code that has it"
        )
