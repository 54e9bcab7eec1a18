"""Indexes created and dropped while the table is in use (CREATE INDEX CONCURRENTLY).

No statement timeout and no lock timeout: such a statement waits for older transactions, but nothing waits behind it. A
build that failed or was killed leaves an invalid index, which slows every write and serves no read; the next run drops
it and builds it again.
"""

from __future__ import annotations

import re
from typing import Any

import peewee

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import Database, send_with_retry
from blog_app.operations.migrate.steps.base import SaveProgress, Step, quoted, strip_leading_comments

WORD = r'(?:"(?:[^"]|"")+"|\w+)'
CREATE = re.compile(
    r"\s*CREATE\s+(?P<unique>UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+"
    rf"(?:(?P<may_exist>IF\s+NOT\s+EXISTS\s+)?(?P<name>{WORD})\s+)?ON\s+(?:ONLY\s+)?(?P<table>{WORD}(?:\.{WORD})?)",
    re.I,
)
DROP = re.compile(rf"\s*DROP\s+INDEX\s+CONCURRENTLY\s+(?:IF\s+EXISTS\s+)?(?P<index>{WORD}(?:\.{WORD})?)\s*;?\s*", re.I)

STATE = """
SELECT CASE WHEN x.indrelid <> to_regclass(%s) THEN 'elsewhere' WHEN x.indisvalid THEN 'valid' ELSE 'invalid' END
FROM pg_catalog.pg_index x WHERE x.indexrelid = to_regclass(%s)
"""


class AddIndex(Step):
    """`sql` is the whole CREATE INDEX CONCURRENTLY statement, without IF NOT EXISTS, which is `may_exist`."""

    def __init__(self, table: str, index: str, sql: str, *, may_exist: bool = False) -> None:
        self.table, self.index, self.sql, self.may_exist = table, index, sql, may_exist

    def __str__(self) -> str:
        return f"create index {self.index} concurrently"

    def preview(self, database: Database) -> None:
        if database.value(STATE, (self.table, self.index)) != "valid":
            database.send(self.sql)

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        state = database.value(STATE, (self.table, self.index))
        if state == "valid" and (progress or self.may_exist):
            return
        if state in ("valid", "elsewhere"):
            where = "" if state == "valid" else " on another table"
            raise MigrationError(
                f"an index {self.index}{where} already exists, and this migration did not create it. Drop it, or "
                "choose another name"
            )
        save_progress(None, 0)  # From now on the index is known to be this migration's own.
        try:
            self._build(database)
        except peewee.IntegrityError:  # An invalid unique index still refuses new rows.
            drop(database, self.index)
            raise

    def _build(self, database: Database) -> None:
        def attempt() -> None:
            # Left by an earlier run, or by a try that ended in a deadlock.
            if database.value(STATE, (self.table, self.index)) == "invalid":
                database.report(f"{database.name}: rebuild {self.index}, which an unfinished build left invalid")
                drop(database, self.index)
            database.send(self.sql)

        with database.limits(lock=0, statement=0):
            database.retry_on_lock_timeout(attempt, str(self))


class DropIndex(Step):
    def __init__(self, index: str) -> None:
        self.index = index

    def __str__(self) -> str:
        return f"drop index {self.index} concurrently"

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        drop(database, self.index)


def step_for_sql(schema: str, sql: str) -> Step | None:
    """Return the step for a CREATE or DROP INDEX CONCURRENTLY statement; None for any other SQL."""
    sql = strip_leading_comments(sql)
    if found := CREATE.match(sql):
        if not found["name"]:
            raise MigrationError(f"name the index, so that the next run can find what a killed build left: {sql[:200]}")
        may_exist = bool(found["may_exist"])
        rest = f"{found['name']} ON {found['table']}{sql[found.end() :]}".replace("%%", "%")
        create = f"CREATE {found['unique'] or ''}INDEX CONCURRENTLY {rest}"
        return AddIndex(found["table"], f"{quoted(schema)}.{found['name']}", create, may_exist=may_exist)
    if found := DROP.fullmatch(sql):
        return DropIndex(found["index"])
    return None


def drop(database: Database, index: str) -> None:
    """Drop an index, valid or not, if it is there."""
    sql = f"DROP INDEX CONCURRENTLY IF EXISTS {index}"
    with database.limits(lock=0, statement=0):
        send_with_retry(database, sql, f"drop index {index}")
