"""Indexes built and dropped while the table is in use (CREATE INDEX CONCURRENTLY).

No time limit and no lock time limit: such a statement waits for older transactions, but nothing waits behind it. A
build that failed or was killed leaves an invalid index, which costs every write and serves no read; the next run drops
it and builds again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import peewee

from blog_app.migrate import MigrationError
from blog_app.migrate.steps import Database, Step, quoted

WORD = r'(?:"(?:[^"]|"")+"|\w+)'
CREATE = re.compile(
    rf"\s*CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{WORD})"
    rf"\s+ON\s+(?:ONLY\s+)?(?P<table>{WORD}(?:\.{WORD})?)",
    re.I,
)
DROP = re.compile(rf"\s*DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<index>{WORD}(?:\.{WORD})?)\s*;?\s*", re.I)

STATE = """
SELECT CASE WHEN x.indrelid <> to_regclass(%s) THEN 'elsewhere' WHEN x.indisvalid THEN 'valid' ELSE 'invalid' END
FROM pg_catalog.pg_index x WHERE x.indexrelid = to_regclass(%s)
"""


class AddIndex(Step):
    """`sql` is the whole CREATE INDEX CONCURRENTLY statement, without IF NOT EXISTS."""

    def __init__(self, table: str, index: str, sql: str) -> None:
        self.table, self.index, self.sql = table, index, sql

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
    def __init__(self, index: str) -> None:
        self.index = index

    def __str__(self) -> str:
        return f"drop index {self.index} concurrently"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        drop(database, self.index)


def add_index(
    schema: str, table: str, parts: Sequence[str], *, name: str, unique: bool, using: str | None, where: str | None
) -> AddIndex:
    """Return the step that builds an index on columns or expressions."""
    qualified = quoted(schema, table)
    method, condition = (f"USING {using} " if using else ""), (f" WHERE {where}" if where else "")
    sql = (
        f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {quoted(name)} ON {qualified} "
        f"{method}({', '.join(parts)}){condition}"
    )
    return AddIndex(qualified, quoted(schema, name), sql)


def of_sql(schema: str, sql: str) -> Step | None:
    """Return the step that an SQL statement amounts to, if it is about an index and CONCURRENTLY."""
    if found := CREATE.match(sql):
        rest = f"{found['name']} ON {found['table']}{sql[found.end() :]}".replace("%%", "%")
        create = f"CREATE {found['unique'] or ''}INDEX CONCURRENTLY {rest}"
        return AddIndex(found["table"], f"{quoted(schema)}.{found['name']}", create)
    if found := DROP.fullmatch(sql):
        return DropIndex(found["index"])
    return None


def drop(database: Database, index: str) -> None:
    """Drop an index, valid or not, if it is there."""
    sql = f"DROP INDEX CONCURRENTLY IF EXISTS {index}"
    with database.limits(lock=0, statement=0):
        database.patiently(lambda: database.send(sql), f"drop index {index}")


def _state(database: Database, table: str, index: str) -> str | None:
    row = database.execute_sql(STATE, (table, index)).fetchone()
    return row[0] if row else None
