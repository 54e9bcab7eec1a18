"""Constraints on tables in use: added NOT VALID, which is instant, then validated, which blocks nobody.

A constraint whose validation fails is dropped: left NOT VALID it would refuse writes of the running code.
"""

from __future__ import annotations

from typing import Any

import peewee

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import Database, send_with_retry
from blog_app.operations.migrate.steps.base import SaveProgress, Step, quoted

# Validation waits for other schema changes and for autovacuum; reads and writes do not wait behind it.
VALIDATE_LOCK_TIMEOUT = 5.0

IS_VALIDATED = "SELECT convalidated FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s"
IS_NOT_NULL = (
    "SELECT attnotnull FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(%s) AND attname = %s "
    "AND NOT attisdropped"
)


class AddConstraint(Step):
    """A CHECK or a foreign key; `violated` is the condition of a row that violates it."""

    def __init__(self, schema: str, table: str, name: str, definition: str, violated: str) -> None:
        self.table, self.name, self.definition, self.violated = quoted(schema, table), name, definition, violated

    def __str__(self) -> str:
        return f"add constraint {self.name} to {self.table}: {self.definition}"

    def preview(self, database: Database) -> None:
        add_validated(database, self.table, self.name, self.definition, self.violated)

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        if database.value(IS_VALIDATED, (self.table, self.name)) and not progress:
            raise MigrationError(
                f"{self.table} already has a constraint {self.name} that this migration did not create. Drop it, or "
                "choose another name"
            )
        save_progress(None, 0)  # From now on the constraint is known to be this migration's own.
        add_validated(database, self.table, self.name, self.definition, self.violated)


class SetNotNull(Step):
    """NOT NULL by way of a validated CHECK, so that PostgreSQL need not scan the table under its strong lock."""

    def __init__(self, schema: str, table: str, column: str) -> None:
        self.table, self.column = quoted(schema, table), column
        self.check = f"{table}_{column}_not_null"[:63]

    def __str__(self) -> str:
        return f"set {self.table}.{self.column} NOT NULL"

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        column, check = quoted(self.column), quoted(self.check)
        if not database.value(IS_NOT_NULL, (self.table, self.column)):
            add_validated(database, self.table, self.check, f"CHECK ({column} IS NOT NULL)", f"{column} IS NULL")
            send_with_retry(database, f"ALTER TABLE {self.table} ALTER COLUMN {column} SET NOT NULL", str(self))
        send_with_retry(database, f"ALTER TABLE {self.table} DROP CONSTRAINT IF EXISTS {check}", str(self))


def add_validated(database: Database, table: str, name: str, definition: str, violated: str) -> None:
    """Add a constraint that is missing, and validate one that is not validated yet.

    Rows that meet the condition `violated` are looked for first, so that no write is refused in vain.
    """
    validated = database.value(IS_VALIDATED, (table, name))
    if validated:
        return
    explained = MigrationError(
        f"rows of {table} violate the constraint {name}: {definition}. Fix them first (migrator.backfill), and make "
        "sure that no running code still writes such rows"
    )
    with database.limits(statement=0):
        if database.send(f"SELECT 1 FROM {table} AS this WHERE {violated} LIMIT 1").fetchone():  # noqa: S608
            raise explained
    if validated is None:
        add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition} NOT VALID"
        send_with_retry(database, add, f"add constraint {name} to {table}")
    validate = f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(name)}"
    try:
        with database.limits(lock=VALIDATE_LOCK_TIMEOUT, statement=0):
            send_with_retry(database, validate, f"validate constraint {name} of {table}")
    except peewee.IntegrityError as error:  # Such a row was written meanwhile.
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(name)}"
        send_with_retry(database, drop, f"drop constraint {name} of {table}")
        raise explained from error
