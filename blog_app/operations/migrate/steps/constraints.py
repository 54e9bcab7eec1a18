"""Constraints on tables in use: added NOT VALID, which is instant, then validated, which blocks nobody.

A constraint whose validation fails is taken away again: half of it would refuse the writes of code that runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import peewee

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.steps.base import Step, quoted

# Validation waits for other schema changes and for autovacuum; reads and writes do not wait behind it.
VALIDATE_LOCK_TIMEOUT = 5.0

IS_VALIDATED = "SELECT convalidated FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s"
IS_NOT_NULL = (
    "SELECT attnotnull FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s "
    "AND NOT attisdropped"
)


class AddConstraint(Step):
    """A CHECK or a foreign key; `broken` is the condition of a row that breaks it."""

    def __init__(self, schema: str, table: str, name: str, definition: str, broken: str) -> None:
        self.table = quoted(schema, table)
        self.name = name
        self.definition = definition
        self.broken = broken

    def __str__(self) -> str:
        return f"add constraint {self.name} to {self.table}: {self.definition}"

    def preview(self, database: Database) -> None:
        add_validated(database, self.table, self.name, self.definition, self.broken)

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        row = database.execute_sql(IS_VALIDATED, (self.table, self.name)).fetchone()
        if row and row[0] and not progress:
            raise MigrationError(
                f"{self.table} has a constraint {self.name} already, and this migration has not made it: drop that "
                "one, or choose another name"
            )
        note(None, 0)  # From now on it is this migration's own.
        add_validated(database, self.table, self.name, self.definition, self.broken)


class SetNotNull(Step):
    """NOT NULL by way of a validated CHECK: PostgreSQL then needs no scan under its strong lock."""

    def __init__(self, schema: str, table: str, column: str) -> None:
        self.table = quoted(schema, table)
        self.column = column
        self.check = f"{table}_{column}_not_null"[:63]

    def __str__(self) -> str:
        return f"set {self.table}.{self.column} NOT NULL"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        column, check = quoted(self.column), quoted(self.check)
        row = database.execute_sql(IS_NOT_NULL, (self.table, self.column)).fetchone()
        if row is None or not row[0]:
            add_validated(database, self.table, self.check, f"CHECK ({column} IS NOT NULL)", f"{column} IS NULL")
            self._change(database, f"ALTER TABLE {self.table} ALTER COLUMN {column} SET NOT NULL")
        self._change(database, f"ALTER TABLE {self.table} DROP CONSTRAINT IF EXISTS {check}")

    def _change(self, database: Database, sql: str) -> None:
        database.patiently(lambda: database.send(sql), str(self))


def add_validated(database: Database, table: str, name: str, definition: str, broken: str) -> None:
    """Add a constraint that is missing, and validate one that is not validated yet.

    `broken` is the condition of rows that break it: they are looked for first, so that no code is refused for nothing.
    """
    row = database.execute_sql(IS_VALIDATED, (table, name)).fetchone()
    if row and row[0]:
        return
    explained = MigrationError(
        f"rows of {table} break the constraint {name}: {definition}. Put them right first (migrator.backfill), and "
        "make sure that no running code writes such rows any more"
    )
    with database.limits(statement=0):
        if database.send(f"SELECT 1 FROM {table} AS this WHERE {broken} LIMIT 1").fetchone():  # noqa: S608
            raise explained
    if row is None:
        add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition} NOT VALID"
        database.patiently(lambda: database.send(add), f"add constraint {name} to {table}")
    validate = f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(name)}"
    try:
        with database.limits(lock=VALIDATE_LOCK_TIMEOUT, statement=0):
            database.patiently(lambda: database.send(validate), f"validate constraint {name} of {table}")
    except peewee.IntegrityError as error:  # Such a row was written in between.
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
        database.patiently(lambda: database.send(drop), f"drop constraint {name} of {table}")
        raise explained from error
