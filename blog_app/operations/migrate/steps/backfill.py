"""Backfills: an update of a big table in small pieces, in the order of its primary key.

Guarantees:

* A batch is one transaction of its own that also records how far it came: killed anywhere, the next run goes on there,
  and nothing is done twice.
* A batch takes about `BATCH_SECONDS`, so no request waits longer than that for a row; the size follows the time that
  the last ones took, and a batch that runs out of time is tried again with fewer rows. A row that somebody holds is
  waited for only briefly: the batch gives up and is tried again.
* Ctrl-C ends after the running batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import peewee

from blog_app.data.watermarks import epochs
from blog_app.operations.migrate import MigrationError, signals
from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.lock_retry import out_of_time
from blog_app.operations.migrate.progress import Bar
from blog_app.operations.migrate.signals import Stopped
from blog_app.operations.migrate.steps.base import Step, quoted

BATCH_SECONDS = 0.2
PAUSE_SHARE = 0.25
"""The pause after a batch, as a share of the batch's time: the server keeps its breath, and so do its replicas."""
FIRST_SIZE, SMALLEST, LARGEST = 500, 50, 50_000

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

    def __init__(self, schema: str, table: str, assignments: str, where: str | None) -> None:
        self.table = quoted(schema, table)
        self.assignments = assignments
        self.where = where

    def __str__(self) -> str:
        return f"backfill {self.table}: SET {self.assignments}{f' WHERE {self.where}' if self.where else ''}"

    def preview(self, database: Database) -> None:
        where = f" WHERE {self.where}" if self.where else ""
        database.send(f"UPDATE {self.table} SET {self.assignments}{where} /* in batches */")  # noqa: S608

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        keys = database.execute_sql(PRIMARY_KEY, (self.table,)).fetchall()
        if not keys:
            raise MigrationError(f"{self.table} does not exist or has no primary key, so it cannot be backfilled")
        batches = Batches(self, keys)
        position, rows = (progress.position, progress.rows) if progress else (None, 0)
        size, total = float(FIRST_SIZE), database.value(ESTIMATE, (self.table,)) or 0

        def batch() -> tuple[list[str], int] | None:
            with database.atomic():
                found = batches.end(database, position, round(size))
                if found:
                    batches.update(database, position, found[0])
                    note(found[0], rows + found[1])
                    epochs.close(database)
            return found

        with signals.put_off() as stopping, Bar(str(self), total, rows) as bar:
            while True:
                began = time.monotonic()
                try:
                    found = database.patiently(batch, str(self))
                except peewee.OperationalError as error:
                    if not out_of_time(error) or round(size) == 1:
                        raise
                    size = max(size / 8, 1.0)  # It was rolled back; its rows are slow ones.
                    continue
                seconds = time.monotonic() - began
                if found is None:
                    return
                position, rows = found[0], rows + found[1]
                bar.reached(rows)
                if stopping.is_set():
                    raise Stopped(f"{self} after {rows:,} rows")
                size = next_size(size, seconds)
                stopping.wait(seconds * PAUSE_SHARE)


class Batches:
    """The statements of a backfill; keys travel as text, so any type of key will do."""

    def __init__(self, backfill: Backfill, keys: Sequence[tuple[str, str]]) -> None:
        self.backfill = backfill
        self.columns = ", ".join(quoted(name) for name, _ in keys)
        self.texts = ", ".join(f"{quoted(name)}::text" for name, _ in keys)
        self.types = ", ".join(f"%s::{type_}" for _, type_ in keys)

    def end(self, database: Database, position: Any, size: int) -> tuple[list[str], int] | None:
        """Return the last key of the batch after `position` and how many rows it has; None when there are no more."""
        batch = (
            f"SELECT {self.columns}, row_number() OVER (ORDER BY {self.columns}) AS number "  # noqa: S608
            f"FROM {self.backfill.table} {self._after(position)} ORDER BY {self.columns} LIMIT {size}"
        )
        last = f"SELECT {self.texts}, number FROM ({batch}) AS batch ORDER BY number DESC LIMIT 1"  # noqa: S608
        row = database.execute_sql(last, position).fetchone()
        return (list(row[:-1]), row[-1]) if row else None

    def update(self, database: Database, position: Any, end: list[str]) -> None:
        """Update the batch's rows."""
        after = self._after(position)
        until = f"{'AND' if after else 'WHERE'} ({self.columns}) <= ({self.types})"
        where = f" AND ({self.backfill.where})".replace("%", "%%") if self.backfill.where else ""
        assignments = self.backfill.assignments.replace("%", "%%")
        sql = f"UPDATE {self.backfill.table} SET {assignments} {after} {until}{where}"  # noqa: S608
        database.execute_sql(sql, [*(position or ()), *end])

    def _after(self, position: Any) -> str:
        return f"WHERE ({self.columns}) > ({self.types})" if position else ""


def next_size(size: float, seconds: float) -> float:
    """Return the next batch's size: towards the target time, at most twice or half the last one."""
    factor = min(max(BATCH_SECONDS / max(seconds, 0.001), 0.5), 2.0)
    return min(max(size * factor, SMALLEST), LARGEST)
