"""Whether both places hold the same: for each table the number of rows and a checksum over all of them.

Under load the two are compared at one and the same instant. At the one place writers are kept out for the blink in
which a snapshot is taken and a marker is written behind it. At the other the marker halts the copying for that blink,
by a lock that its trigger waits for: all that came before the marker is there, and nothing that came after. Then both
go on while the two snapshots are read, however long that takes; a difference is a real one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from blog_app.operations.migrate.progress import ProgressBar
from blog_app.operations.move import MoveError
from blog_app.operations.move.places import Place

HALT_SECONDS = 30.0
POLL = 0.005
# The same text for the same value on every server; who reads may have other settings.
SETTINGS = (
    "SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 3; SET lock_timeout = 0; SET statement_timeout = 0; SET row_security = off"
)
# Not the generated columns: they follow from the others, by rules that may differ between versions of PostgreSQL.
COLUMNS = """
SELECT c.relname, greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid)),
       array_agg(quote_ident(a.attname) ORDER BY a.attname)
FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relname = ANY(%s)
GROUP BY c.oid, c.relname, c.reltuples ORDER BY 2, 1
"""
HALTED = """
SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND classid = hashtext(%s)::oid)
"""


class Table(NamedTuple):
    name: str
    rows: int
    """About how many."""
    sql: str


class Checked(NamedTuple):
    """A table that was the same at both places."""

    table: Table
    rows: int
    seconds: float


def tables_of(place: Place) -> list[Table]:
    """Return the tables whose rows move, those with few rows first."""
    rows = place.connection.execute_sql(COLUMNS, (place.name, place.copied())).fetchall()
    return [Table(name, about, _checksum(place.quoted(name), columns)) for name, about, columns in rows]


def compare_under_load(giving: Place, taking: Place) -> list[Checked]:
    """Compare all tables at one instant; raise `MoveError` that names those that differ."""
    with _session(giving) as there, _session(taking) as here:
        key = f"{taking.name} halts"
        _ask(here, "SELECT pg_advisory_lock(hashtext(%s), 0)", (key,))
        here.commit()
        try:
            _snapshot(giving, there)
            deadline = time.monotonic() + HALT_SECONDS
            while not taking.connection.value(HALTED, (key,)):
                if time.monotonic() > deadline:
                    raise MoveError("the copying did not halt for the comparison: run the command again")
                time.sleep(POLL)
            _ask(here, "SELECT 1")  # Takes the snapshot.
        finally:
            _ask(here, "SELECT pg_advisory_unlock(hashtext(%s), 0)", (key,))
        return _compare(tables_of(giving), there, here)


def compare_at_rest(giving: Place, taking: Place, tables: Sequence[Table]) -> list[Checked]:
    """Compare these tables, to which nobody writes; raise `MoveError` that names those that differ."""
    with _session(giving) as there, _session(taking) as here:
        return _compare(tables, there, here)


def _snapshot(place: Place, session: Any) -> None:
    def attempt() -> None:
        with place.connection.atomic():
            place.lock_tables("SHARE")
            session.rollback()
            _ask(session, "SELECT 1")
            place.mark(str(uuid4()))

    place.connection.retry_on_lock_timeout(attempt, "take a snapshot")


def _compare(tables: Sequence[Table], there: Any, here: Any) -> list[Checked]:
    same, different, done = [], [], 0
    with ProgressBar("compare", sum(table.rows for table in tables)) as bar, ThreadPoolExecutor(2) as pool:
        for table in tables:
            began = time.monotonic()
            answers = [pool.submit(_ask, session, table.sql) for session in (there, here)]
            try:
                found = [answer.result() for answer in answers]
            except BaseException:
                for session in (there, here):
                    session.cancel()
                raise
            if found[0] == found[1]:
                same.append(Checked(table, found[0][0], time.monotonic() - began))
            else:
                different.append(f"{table.name} ({found[0][0]:,} rows and {found[1][0]:,})")
            done += table.rows
            bar.update(done)
    if different:
        raise MoveError(
            f"the two places differ in: {', '.join(different)}. Nothing is switched. Take the move back (--abort), and "
            "find out who writes at the new place, or by a role that triggers and replication do not see"
        )
    return same


def _checksum(table: str, columns: Sequence[str]) -> str:
    row = f"ROW({', '.join(columns)})::text"
    return f'SELECT count(*), coalesce(sum(hashtextextended(({row}) COLLATE "C", 0)::numeric), 0) FROM ONLY {table}'


@contextmanager
def _session(place: Place) -> Iterator[Any]:
    """Yield a connection of its own, on which a snapshot lasts from its first query to the end."""
    session = psycopg2.connect(place.connection.url, application_name=f"blog_app move {place.name} (compare)")
    try:
        session.autocommit = True
        session.cursor().execute(SETTINGS)
        session.autocommit = False
        session.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        yield session
    finally:
        session.close()


def _ask(session: Any, sql: str, parameters: Any = None) -> tuple[Any, ...]:
    with session.cursor() as cursor:
        cursor.execute(sql, parameters)
        return tuple(cursor.fetchone())
