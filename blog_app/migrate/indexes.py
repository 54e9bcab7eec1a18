"""Indexes built and dropped while the table is in use (CREATE INDEX CONCURRENTLY).

No time limit and no lock time limit: such a statement waits for older transactions, but nothing waits behind it. A
build that failed or was killed leaves an invalid index, which costs every write and serves no read; the next run drops
it and builds again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import peewee

from blog_app.migrate import MigrationError
from blog_app.migrate.steps import Database, Step, quoted

STATE = """
SELECT CASE WHEN x.indrelid <> to_regclass(%s) THEN 'elsewhere' WHEN x.indisvalid THEN 'valid' ELSE 'invalid' END
FROM pg_catalog.pg_index x WHERE x.indexrelid = to_regclass(%s)
"""


class AddIndex(Step):
    def __init__(
        self,
        schema: str,
        table: str,
        parts: Sequence[str],
        *,
        name: str,
        unique: bool,
        using: str | None,
        where: str | None,
    ) -> None:
        self.table = quoted(schema, table)
        self.index = quoted(schema, name)
        self.sql = (
            f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {quoted(name)} ON {self.table} "
            f"{f'USING {using} ' if using else ''}({', '.join(parts)}){f' WHERE {where}' if where else ''}"
        )

    def __str__(self) -> str:
        return f"create index {self.index} concurrently"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        state = _state(database, self.table, self.index)
        if state == "elsewhere":
            raise MigrationError(f"index {self.index} exists already, on another table")
        if state == "invalid":
            drop(database, self.index)
        if state != "valid":
            try:
                self._build(database)
            except peewee.DatabaseError:
                # A unique index that cannot be built refuses new rows nevertheless.
                if _state(database, self.table, self.index) == "invalid":
                    drop(database, self.index)
                raise

    def _build(self, database: Database) -> None:
        with database.limits(lock=0, statement=0):
            database.patiently(lambda: database.send(self.sql), str(self))


class DropIndex(Step):
    def __init__(self, schema: str, name: str) -> None:
        self.index = quoted(schema, name)

    def __str__(self) -> str:
        return f"drop index {self.index} concurrently"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        drop(database, self.index)


def drop(database: Database, index: str) -> None:
    """Drop an index, valid or not, if it is there."""
    sql = f"DROP INDEX CONCURRENTLY IF EXISTS {index}"
    with database.limits(lock=0, statement=0):
        database.patiently(lambda: database.send(sql), f"drop index {index}")


def _state(database: Database, table: str, index: str) -> str | None:
    row = database.execute_sql(STATE, (table, index)).fetchone()
    return row[0] if row else None
