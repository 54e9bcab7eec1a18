"""Bounds of one transaction of a migration, whatever sends its statements: SQL, Python code, a function, a trigger.

What no text tells is measured here before the commit, and rolled back: how long the transaction keeps rows and tables
of the running code locked, how many of its rows it changes, and whether PostgreSQL wrote a table anew.
"""

from __future__ import annotations

import re
import time

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.catalog import OWN_TABLES
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.lint import row_rules

MAX_SECONDS = 5.0
"""How long a transaction may keep something locked; a file that sets `statement_timeout` asks for more."""
CHANGE = re.compile(r"\s*(UPDATE|DELETE|MERGE)\b", re.I)
# The rules by which a file says that it does change many rows, or writes a table anew.
MANY_ROWS = ("many-rows", "all-rows", "truncate")
REWRITES = (
    *("table-rewrite", "full-rewrite", "truncate", "changing-column-type", "adding-field-with-default"),
    *("serial-column", "adding-serial-primary-key-field", "ban-drop-table", "hidden-code"),
)
TABLES = """
SELECT c.oid, c.relname, pg_relation_filenode(c.oid),
       pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid)
FROM pg_catalog.pg_class c
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'm')
  AND c.relname <> ALL (%s)
"""
# A row that is changed or selected FOR UPDATE is locked beside a lock on its table that is stronger than a reader's.
LOCKED = """
SELECT string_agg(DISTINCT c.relname, ', ') FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND l.mode <> 'AccessShareLock'
  AND c.oid = ANY (%s)
"""


class TransactionWatch:
    """Begins with a transaction; raises `MigrationError` where it goes beyond its bounds."""

    def __init__(self, connection: Connection, migration: Migration) -> None:
        self.connection, self.migration = connection, migration
        self.seconds = max(MAX_SECONDS, migration.statement_timeout or 0)
        self.changes = 0
        self.began = time.monotonic()
        self.before = self._tables()

    def before_statement(self, sql: str) -> None:
        """Check the time, and the number of statements that change rows."""
        self._check_time()
        self.changes += bool(CHANGE.match(sql))
        if self.changes > row_rules.MAX_ROWS and not self._is_safe(*MANY_ROWS):
            raise MigrationError(
                f"many-rows: refused to send {sql[:200]!r}, the change number {self.changes:,} of one transaction, "
                "which keeps all those rows locked. Use migrator.backfill"
            )

    def before_commit(self) -> None:
        """Check the time, the changed rows, and the files of the tables."""
        with self.connection.inspected(None):
            after = self._tables()
        for oid, (name, file, changed) in self.before.items():
            _, file_now, changed_now = after.get(oid, (name, file, changed))
            if changed_now - changed > row_rules.MAX_ROWS and not self._is_safe(*MANY_ROWS):
                raise MigrationError(
                    f"many-rows: rolled back, because one transaction changed {changed_now - changed:,} rows of {name} "
                    "and kept them locked. Use migrator.backfill"
                )
            if file_now != file and not self._is_safe(*REWRITES):
                raise MigrationError(
                    f"table-rewrite: rolled back, because PostgreSQL wrote {name} anew, which blocks reads and writes "
                    "meanwhile. Use migrator.expand_type, or a new column and a backfill"
                )
        self._check_time()

    def _check_time(self) -> None:
        if time.monotonic() - self.began <= self.seconds or self._is_safe("long-transaction"):
            return
        with self.connection.inspected(None):
            locked = self.connection.value(LOCKED, (list(self.before),))
        if locked:
            raise MigrationError(
                f"long-transaction: rolled back, because one transaction kept {locked} locked for more than "
                f"{self.seconds:g} s. Use migrator.backfill for rows, and a migration of its own for what takes long"
            )

    def _is_safe(self, *rules: str) -> bool:
        return not self.migration.safe.keys().isdisjoint(rules)

    def _tables(self) -> dict[int, tuple[str, int, int]]:
        rows = self.connection.execute_sql(TABLES, (self.connection.name, list(OWN_TABLES))).fetchall()
        return {oid: (name, file, changed) for oid, name, file, changed in rows}
