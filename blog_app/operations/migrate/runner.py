"""Runs the migrations of one logical database: up, down, and what is pending.

An atomic migration is one transaction: its statements, then its line in the history. When it finds a lock taken, the
whole transaction is rolled back and tried again, so nothing is held while it waits. A migration with `atomic = False`
runs step by step, and each step done is recorded: what was killed in the middle goes on there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from textwrap import shorten
from typing import Any, Protocol

import peewee

from blog_app.data.databases.sqlstates import READ_ONLY_SQL_TRANSACTION, sqlstate
from blog_app.data.watermarks import epochs
from blog_app.operations.migrate import MigrationError, files, history, lock_retry, move_check
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.steps.base import Step, describe, perform, runs_alone, waits_quietly

Function = Callable[..., None]
Record = Callable[[peewee.PostgresqlDatabase, str, str], None]


class Guard(Protocol):
    """Who may stop a run of migrations (see `plan`)."""

    def before(self, connection: Connection, migrations: Sequence[Migration], plan: Sequence[Migration]) -> None:
        """Raise `MigrationError` if one of the `plan` must not run."""

    def statement(self, migration: Migration, sql: str, parameters: Any) -> None:
        """Raise `MigrationError` if Python code of the migration must not send this."""


class Runner:
    """One logical database during one run; its connection must hold the run lock."""

    def __init__(self, connection: Connection, folder: Path | None = None) -> None:
        self.connection = connection
        self.name = connection.name
        self.migrations = files.read(self.name, folder)
        history.ensure(connection, self.name)
        self.applied = list(history.applied(connection, self.name))
        self.guard: Guard | None = None
        self.begun: str | None = None
        """The migration that this run began step by step and has not ended."""
        files.refuse_shared_numbers(self.migrations, self.applied)

    @property
    def pending(self) -> list[Migration]:
        return [migration for migration in self.migrations if migration.name not in self.applied]

    def up(self, to: str | None = None, *, only: Sequence[str] | None = None, guard: Guard | None = None) -> list[str]:
        """Apply what is pending, to the end or up to and including `to`; return the names applied.

        A `guard` may refuse them all before the first one runs, and each statement that only running them shows.
        """
        last = files.find(self.migrations, to, self.name).number if to else float("inf")
        plan = [migration for migration in self.pending if migration.number <= last]
        plan = [migration for migration in plan if only is None or migration.name in only]
        if guard and plan:
            guard.before(self.connection, self.migrations, plan)
        self.guard = guard
        for migration in plan:
            self._run(migration, "apply", migration.migrate, history.add)
            self.applied.append(migration.name)
        self._settle(plan)
        return [migration.name for migration in plan]

    def down(self, *, steps: int = 1, to: str | None = None, everything: bool = False) -> list[str]:
        """Take back the last `steps` migrations, or all after `to` (which stays), or all; return their names.

        A migration that stopped half-way counts as the last one.
        """
        begun = self.applied + [migration.name for migration in self.pending if self._steps_of(migration.name)]
        if to and to != "zero":
            keep = begun.index(self._begun_name(to, begun)) + 1
        else:
            keep = 0 if everything or to else max(len(begun) - steps, 0)
        plan = [self._file_of(name) for name in reversed(begun[keep:])]
        rollbacks = [migration.rollback for migration in plan]  # All must exist before the first one runs.
        for migration, rollback in zip(plan, rollbacks, strict=True):
            self._run(migration, "take back", rollback, history.remove)
            self.applied = [name for name in self.applied if name != migration.name]
        self._settle(plan)
        return [migration.name for migration in plan]

    def redo(self) -> list[str]:
        """Take the last migration back and apply it again."""
        names = self.down()
        return self.up(only=names)

    def _run(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        move_check.refuse(self.connection, self.name)
        self.connection.say(f"{self.name}: {verb} {migration.name}")
        run = self._run_atomic if migration.atomic else self._run_steps
        try:
            with self.connection.limits(statement=migration.statement_timeout):
                run(migration, verb, function, record)
        except peewee.OperationalError as error:
            if not lock_retry.out_of_time(error):
                error.add_note(migration.name)
                raise
            limit = migration.statement_timeout or lock_retry.STATEMENT_TIMEOUT
            raise MigrationError(
                f"{migration.name}: a statement took longer than {limit:g} s. A migration that may be slow says so "
                "(statement_timeout = SECONDS at the top of the file); changes to many rows belong in a backfill"
            ) from error
        except BaseException as error:
            error.add_note(migration.name)
            raise

    def _run_atomic(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        def attempt() -> None:
            migrator = self._migrator()
            with self.connection.atomic():
                with self._guarded(migration):
                    function(migrator, self.connection, fake=False)
                for operation in migrator.take_operations():
                    self._perform(migration, operation)
                record(self.connection, self.name, migration.name)
                epochs.close(self.connection)

        self.connection.patiently(attempt, f"{verb} {migration.name}")

    def _run_steps(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        migrator = self._migrator()
        migrator.atomic = False
        with self._only_reading(migration), self._guarded(migration):
            function(migrator, self.connection, fake=False)
        operations = migrator.take_operations()
        label = migration.name if record is history.add else f"{migration.name} (back)"
        done = self._steps_of(label)
        for number, operation in enumerate(operations, 1):
            what, progress = describe(operation), done.get(number)
            if progress and progress.what != what:
                raise MigrationError(
                    f"{migration.name} was changed after it had begun: step {number} was {progress.what!r} and is now "
                    f"{what!r}. Put the file back and finish it, or take it back (flask migrate down)"
                )
            if progress and progress.done:
                continue
            self.begun = migration.name
            so_far = f" (goes on after {progress.rows:,} rows)" if progress and progress.rows else ""
            self.connection.say(f"{self.name}:   step {number} of {len(operations)}: {shorten(what, 160)}{so_far}")
            self._step(migration, label, number, operation, progress)
        with self.connection.atomic():
            record(self.connection, self.name, migration.name)
            history.forget_steps(self.connection, self.name, label)
            epochs.close(self.connection)
        self.begun = None

    def _step(
        self, migration: Migration, label: str, number: int, operation: Any, progress: history.Step | None
    ) -> None:
        what = describe(operation)

        def note(position: Any, rows: int, *, done: bool = False) -> None:
            history.note_step(self.connection, self.name, label, number, what, position=position, rows=rows, done=done)

        def in_one_transaction() -> None:
            with self.connection.atomic():
                self._perform(migration, operation)
                note(None, 0, done=True)
                epochs.close(self.connection)

        if isinstance(operation, Step) and operation.outside_transaction:
            operation.run(self.connection, progress, note)
        elif runs_alone(operation):
            # Nobody waits behind those that are concurrent, so they may wait for a lock as long as it takes.
            with self.connection.limits(lock=0 if waits_quietly(operation) else None):
                self.connection.patiently(lambda: self._perform(migration, operation), what)
        else:
            return self.connection.patiently(in_one_transaction, what)
        note(None, 0, done=True)
        return None

    def _perform(self, migration: Migration, operation: Any) -> None:
        if isinstance(operation, Step):
            operation.run(self.connection, None, lambda position, rows: None)
        else:
            with self._guarded(migration):
                perform(operation)

    def _guarded(self, migration: Migration) -> AbstractContextManager[None]:
        """Let the guard see every statement that is the migration's own."""
        return self.connection.inspected(partial(self.guard.statement, migration) if self.guard else None)

    @contextmanager
    def _only_reading(self, migration: Migration) -> Iterator[None]:
        """Let code read, but not write, which would be done again each time that the migration goes on."""
        try:
            with self.connection.atomic() as transaction:
                self.connection.execute_sql("SET TRANSACTION READ ONLY")
                yield
                transaction.rollback()
        except peewee.DatabaseError as error:
            if sqlstate(error) != READ_ONLY_SQL_TRANSACTION:
                raise
            raise MigrationError(
                f"{migration.name} runs step by step, and writes outside of its steps: that would be done again each "
                "time it goes on after an interruption. Use migrator.sql, or migrator.run(function)"
            ) from error

    def _settle(self, plan: Sequence[Migration]) -> None:
        if plan:
            epochs.wait_out(self.connection)

    def _steps_of(self, label: str) -> dict[int, history.Step]:
        return history.steps(self.connection, self.name, label)

    def _migrator(self) -> Migrator:
        """Return a migrator whose models are those of the applied migrations."""
        by_name = {migration.name: migration for migration in self.migrations}
        return replay(self.connection, self.name, [by_name[name] for name in self.applied if name in by_name])

    def _begun_name(self, wanted: str, begun: Sequence[str]) -> str:
        name = files.find(self.migrations, wanted, self.name).name
        if name not in begun:
            raise MigrationError(f"{self.name}: {name} is not applied; applied: {', '.join(begun) or 'none'}")
        return name

    def _file_of(self, name: str) -> Migration:
        for migration in self.migrations:
            if migration.name == name:
                return migration
        raise MigrationError(
            f"{self.name}: {name} is applied, but its file is gone, so nothing knows how to take it back; "
            "check out the version of the code that has it"
        )
