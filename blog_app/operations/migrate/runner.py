"""The migration runner of one logical database: up, down, redo.

An atomic migration is one transaction: its statements and its row in the history. When it gets no lock, the whole
transaction is rolled back and tried again, so nothing is held during the pause. A migration with `atomic = False` runs
step by step, and each completed step is recorded, so the next run resumes a migration that was killed half-way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import takewhile
from pathlib import Path
from textwrap import shorten
from typing import Any

import peewee

from blog_app.data.databases.sqlstates import READ_ONLY_SQL_TRANSACTION, sqlstate
from blog_app.data.watermarks import epochs
from blog_app.operations.migrate import MigrationError, files, history, lock_retry, move_check
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator
from blog_app.operations.migrate.plan import LintGuard
from blog_app.operations.migrate.preview import preview
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.steps.base import BLOCKING, NON_TRANSACTIONAL, Step, describe, perform, raw_sql
from blog_app.operations.migrate.transaction_watch import TransactionWatch

Function = Callable[..., None]
Record = Callable[[peewee.PostgresqlDatabase, str, str], None]


class Runner:
    """One logical database during one run; its connection must hold the run lock."""

    def __init__(self, connection: Connection, folder: Path | None = None) -> None:
        self.connection = connection
        self.name = connection.name
        self.migrations = files.read(self.name, folder)
        history.ensure(connection, self.name)
        self.applied = list(history.applied(connection, self.name))
        self.guard: LintGuard | None = None
        self.watch: TransactionWatch | None = None
        self.unfinished: str | None = None
        """The migration that this run started step by step and has not finished."""
        files.refuse_duplicate_numbers(self.migrations, self.applied)

    @property
    def pending(self) -> list[Migration]:
        return files.pending(self.migrations, self.applied)

    @property
    def unknown(self) -> list[str]:
        """The names of applied migrations that have no file: the database is ahead of this code."""
        return sorted(set(self.applied) - {migration.name for migration in self.migrations})

    def next_pending(self, *, backfills: bool) -> list[str]:
        """Return the names of the next pending migrations, as long as they all are backfills, or all are not."""
        previews = preview(self.name, self.migrations, self.pending, self.connection)
        return [found.migration.name for found in takewhile(lambda found: found.has_backfill == backfills, previews)]

    def up(
        self, to: str | None = None, *, only: Sequence[str] | None = None, guard: LintGuard | None = None
    ) -> list[str]:
        """Apply what is pending, to the end or up to and including `to`; return the names applied.

        A `guard` may refuse them all before the first one runs, and each statement that only a run reveals.
        """
        last = files.find(self.migrations, to, self.name).number if to else float("inf")
        wanted = [item for item in self.pending if item.number <= last and (only is None or item.name in only)]
        if guard and wanted:
            guard.check_migrations(self.connection, self.migrations, wanted)
        self.guard = guard
        for migration in wanted:
            self._run(migration, "apply", migration.migrate, history.add)
            self.applied.append(migration.name)
        return self._finish(wanted)

    def down(self, *, steps: int = 1, to: str | None = None, everything: bool = False) -> list[str]:
        """Roll back the migrations that `rolled_back_by` names; return their names."""
        wanted = self.rolled_back_by(steps=steps, to=to, everything=everything)
        rollbacks = [migration.rollback for migration in wanted]  # All must exist before the first one runs.
        for migration, rollback in zip(wanted, rollbacks, strict=True):
            self._run(migration, "roll back", rollback, history.remove)
            self.applied = [name for name in self.applied if name != migration.name]
        return self._finish(wanted)

    def rolled_back_by(self, *, steps: int = 1, to: str | None = None, everything: bool = False) -> list[Migration]:
        """Return the last `steps` migrations, or all after `to` (which stays), or all; the newest first.

        A migration that stopped half-way counts as the last one.
        """
        begun = [item.name for item in self.pending if history.begun_steps(self.connection, self.name, item.name)]
        started = self.applied + begun
        kept = 0 if everything or to else max(len(started) - steps, 0)
        if to and to != "zero":
            last = files.find(self.migrations, to, self.name).name
            if last not in started:
                raise MigrationError(f"{self.name}: {last} is not applied; applied: {', '.join(started) or 'none'}")
            kept = started.index(last) + 1
        return [self._file_of(name) for name in reversed(started[kept:])]

    def redo(self) -> list[str]:
        """Roll the last migration back and apply it again."""
        return self.up(only=self.down())

    def _run(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        move_check.refuse_during_move(self.connection, self.name)
        self.connection.report(f"{self.name}: {verb} {migration.name}")
        run = self._run_atomic if migration.atomic else self._run_steps
        try:
            with self.connection.limits(statement=migration.statement_timeout):
                run(migration, verb, function, record)
        except BaseException as error:
            if not lock_retry.is_statement_timeout(error):
                error.add_note(migration.name)
                raise
            limit = migration.statement_timeout or lock_retry.STATEMENT_TIMEOUT
            raise MigrationError(
                f"{migration.name}: a statement took longer than {limit:g} s. Use a backfill to change many rows, or "
                "allow more time: statement_timeout = SECONDS at the top of the file"
            ) from error

    def _run_atomic(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        def attempt() -> None:
            migrator = self._migrator()
            with self.connection.atomic():
                with self._bounded(migration):
                    with self._guarded(migration):
                        function(migrator, self.connection, fake=False)
                    for operation in migrator.take_operations():
                        self._perform(migration, operation)
                record(self.connection, self.name, migration.name)
                epochs.close(self.connection)

        self.connection.retry_on_lock_timeout(attempt, f"{verb} {migration.name}")

    def _run_steps(self, migration: Migration, verb: str, function: Function, record: Record) -> None:
        migrator = self._migrator()
        migrator.atomic = False
        with self._read_only(migration), self._guarded(migration):
            function(migrator, self.connection, fake=False)
        operations = migrator.take_operations()
        label = migration.name if record is history.add else f"{migration.name} (back)"
        done = history.begun_steps(self.connection, self.name, label)
        for number, operation in enumerate(operations, 1):
            what, progress = describe(operation), done.get(number)
            if progress and progress.what != what:
                raise MigrationError(
                    f"{migration.name} was changed after it had started: step {number} was {progress.what!r} and "
                    f"is now {what!r}. Restore the file and finish the migration, or roll it back (flask migrate down)"
                )
            if progress and progress.done:
                continue
            self.unfinished = migration.name
            resumed = f" (resumes after {progress.rows:,} rows)" if progress and progress.rows else ""
            self.connection.report(f"{self.name}:   step {number} of {len(operations)}: {shorten(what, 160)}{resumed}")
            self._step(migration, label, number, operation, progress)
        with self.connection.atomic():
            record(self.connection, self.name, migration.name)
            history.delete_steps(self.connection, self.name, label)
            epochs.close(self.connection)
        self.unfinished = None

    def _step(
        self, migration: Migration, label: str, number: int, operation: Any, progress: history.StepProgress | None
    ) -> None:
        what = describe(operation)
        save_progress = partial(history.record_step, self.connection, self.name, label, number, what)

        def in_one_transaction() -> None:
            with self.connection.atomic():
                with self._bounded(migration):
                    self._perform(migration, operation)
                save_progress(None, 0, done=True)
                epochs.close(self.connection)

        if isinstance(operation, Step) and operation.outside_transaction:
            operation.run(self.connection, progress, save_progress)
        elif NON_TRANSACTIONAL.match(raw_sql(operation)):
            # Nobody waits behind a concurrent statement, so it may wait for its lock without a limit.
            with self.connection.limits(lock=None if BLOCKING.match(raw_sql(operation)) else 0):
                self.connection.retry_on_lock_timeout(lambda: self._perform(migration, operation), what)
        else:
            return self.connection.retry_on_lock_timeout(in_one_transaction, what)
        save_progress(None, 0, done=True)
        return None

    def _perform(self, migration: Migration, operation: Any) -> None:
        if isinstance(operation, Step):
            operation.run(self.connection, None, lambda last_key, rows: None)
        else:
            with self._guarded(migration):
                perform(operation)

    def _guarded(self, migration: Migration) -> AbstractContextManager[None]:
        """Show every statement of the migration's own to the guard and the watch."""
        return self.connection.inspected(partial(self._check_statement, migration) if self.guard else None)

    def _check_statement(self, migration: Migration, sql: str, parameters: Any) -> None:
        if self.guard:
            self.guard.check_statement(migration, sql, parameters)
        if self.watch:
            self.watch.before_statement(sql)

    @contextmanager
    def _bounded(self, migration: Migration) -> Iterator[None]:
        """Bound what a transaction does to tables in use, if there is a guard."""
        self.watch = TransactionWatch(self.connection, migration) if self.guard else None
        try:
            yield
            if self.watch:
                self.watch.before_commit()
        finally:
            self.watch = None

    @contextmanager
    def _read_only(self, migration: Migration) -> Iterator[None]:
        """Allow reads only: a write outside of a step would be repeated each time that the migration resumes."""
        try:
            with self.connection.atomic() as transaction:
                self.connection.execute_sql("SET TRANSACTION READ ONLY")
                yield
                transaction.rollback()
        except peewee.DatabaseError as error:
            if sqlstate(error) != READ_ONLY_SQL_TRANSACTION:
                raise
            raise MigrationError(
                f"{migration.name} runs step by step and writes outside of its steps, which would be repeated whenever "
                "it resumes. Use migrator.sql or migrator.run(function) instead"
            ) from error

    def _finish(self, done: Sequence[Migration]) -> list[str]:
        """Wait until no reader trusts an epoch that these migrations closed; return their names."""
        if done:
            epochs.wait_until_leases_end(self.connection)
        return [migration.name for migration in done]

    def _migrator(self) -> Migrator:
        """Return a migrator whose models are those of the applied migrations."""
        by_name = {migration.name: migration for migration in self.migrations}
        return replay(self.connection, self.name, [by_name[name] for name in self.applied if name in by_name])

    def _file_of(self, name: str) -> Migration:
        for migration in self.migrations:
            if migration.name == name:
                return migration
        raise MigrationError(
            f"{self.name}: cannot roll back {name}, its file is missing. Check out a version of the code that has it"
        )
