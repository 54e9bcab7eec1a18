"""Backfills: a big table is updated, or rows are added for its rows, in batches in the order of its primary key.

Guarantees:

* A batch is a transaction of its own that also records its last key: after a crash anywhere the next run resumes
  there, and no row is updated twice.
* A batch takes about `BATCH_SECONDS`, so no request waits longer than that for a row. Its size follows the time that
  the last batch took; a batch that times out is tried again with fewer rows. A batch waits only briefly for a locked
  row, then it is rolled back and tried again.
* Ctrl-C stops after the running batch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import peewee

from blog_app.data.watermarks import epochs
from blog_app.operations.migrate import MigrationError, signals
from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.lock_retry import is_statement_timeout
from blog_app.operations.migrate.signals import Stopped
from blog_app.operations.migrate.steps.base import SaveProgress, Step, quoted
from blog_app.operations.progress_bar import ProgressBar

BATCH_SECONDS = 0.2
PAUSE_SHARE = 0.25
"""The pause after a batch, as a share of the batch's time, so that the server and its replicas keep up."""
FIRST_SIZE, MIN_SIZE, MAX_SIZE = 500, 50, 50_000

PRIMARY_KEY = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_index x
CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
WHERE x.indrelid = to_regclass(%s) AND x.indisprimary ORDER BY k.place
"""
ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_catalog.pg_class WHERE oid = to_regclass(%s)"


class Backfill(Step):
    """`UPDATE table SET … WHERE …`, batch by batch."""

    end = ""
    """What follows the conditions."""

    def __init__(self, schema: str, table: str, assignments: str, where: str | None) -> None:
        self.table, self.where = quoted(schema, table), where
        self.title = f"SET {assignments}"
        self.change = f"UPDATE {self.table} {self.title}"

    def __str__(self) -> str:
        return f"backfill {self.table}: {self.title}{f' WHERE {self.where}' if self.where else ''}"

    def preview(self, database: Database) -> None:
        where = f" WHERE {self.where}" if self.where else ""
        database.send(f"{self.change}{where}{self.end} /* in batches */")

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        keys = database.execute_sql(PRIMARY_KEY, (self.table,)).fetchall()
        if not keys:
            raise MigrationError(f"cannot backfill {self.table}: it does not exist or has no primary key")
        batches = Batches(self, keys)
        last_key, rows = (progress.last_key, progress.rows) if progress else (None, 0)
        size, total = float(FIRST_SIZE), database.value(ESTIMATE, (self.table,)) or 0

        def batch() -> tuple[list[str], int] | None:
            with database.atomic():
                if end := batches.update_next(database, last_key, round(size)):
                    save_progress(end[0], rows + end[1])
                    epochs.close(database)
            return end

        with signals.defer_signals() as stop, ProgressBar(str(self), total, rows) as bar:
            while True:
                began = time.monotonic()
                try:
                    end = database.retry_on_lock_timeout(batch, str(self))
                except peewee.OperationalError as error:
                    if not is_statement_timeout(error) or round(size) == 1:
                        raise
                    size = max(size / 8, 1.0)  # It was rolled back.
                    continue
                seconds = time.monotonic() - began
                if end is None:
                    return
                last_key, rows = end[0], rows + end[1]
                bar.update(rows)
                if stop.is_set():
                    raise Stopped(f"{self} after {rows:,} rows")
                size = next_size(size, seconds)
                stop.wait(seconds * PAUSE_SHARE)


class AddRows(Backfill):
    """`INSERT INTO target (columns) SELECT values FROM table ON CONFLICT DO NOTHING`, batch by batch."""

    end = " ON CONFLICT DO NOTHING"

    def __init__(self, schema: str, target: str, columns: str, table: str, values: str) -> None:
        self.table, self.where = quoted(schema, table), None
        self.title = f"rows of {quoted(schema, target)}"
        self.change = f"INSERT INTO {quoted(schema, target)} ({columns}) SELECT {values} FROM {self.table}"  # noqa: S608


class Batches:
    """The statements of a backfill. Keys are passed as text, so they may be of any type."""

    def __init__(self, backfill: Backfill, keys: Sequence[tuple[str, str]]) -> None:
        self.backfill = backfill
        self.columns = ", ".join(quoted(name) for name, _ in keys)
        self.texts = ", ".join(f"{quoted(name)}::text" for name, _ in keys)
        self.types = ", ".join(f"%s::{type_}" for _, type_ in keys)

    def update_next(self, database: Database, last_key: Any, size: int) -> tuple[list[str], int] | None:
        """Update the rows after `last_key`; return the last key and the number of rows, None when no row is left."""
        after = f"WHERE ({self.columns}) > ({self.types})" if last_key else ""
        batch = (
            f"SELECT {self.columns}, row_number() OVER (ORDER BY {self.columns}) AS number "  # noqa: S608
            f"FROM {self.backfill.table} {after} ORDER BY {self.columns} LIMIT {size}"
        )
        last = f"SELECT {self.texts}, number FROM ({batch}) AS batch ORDER BY number DESC LIMIT 1"  # noqa: S608
        row = database.execute_sql(last, last_key).fetchone()
        if row is None:
            return None
        *end, rows = row
        until = f"{'AND' if after else 'WHERE'} ({self.columns}) <= ({self.types})"
        where = f" AND ({self.backfill.where})".replace("%", "%%") if self.backfill.where else ""
        change = self.backfill.change.replace("%", "%%")
        sql = f"{change} {after} {until}{where}{self.backfill.end}"
        database.execute_sql(sql, [*(last_key or ()), *end])
        return end, rows


def next_size(size: float, seconds: float) -> float:
    """Return the size of the next batch: closer to the target time, at least half and at most twice the last one."""
    factor = min(max(BATCH_SECONDS / max(seconds, 0.001), 0.5), 2.0)
    return min(max(size * factor, MIN_SIZE), MAX_SIZE)
