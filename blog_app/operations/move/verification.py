"""The comparison of both servers: the number of rows of each table, and a checksum over all of them.

Under load both are compared at the same point in time. On the publisher, writers are blocked for the moment in which a
snapshot is taken and a marker is written after it. On the subscriber, the marker halts replication for a moment, by an
advisory lock that its trigger waits for: everything before the marker has arrived, and nothing after it. Then both
continue while the two snapshots are read, however long that takes; so a difference is a real one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg2
from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

from blog_app.operations.move import MoveError
from blog_app.operations.move.fence import FencedDatabase
from blog_app.operations.progress_bar import ProgressBar

HALT_TIMEOUT = 30.0
POLL_INTERVAL = 0.005
# The same text for the same value on every server, whatever the settings of the role.
SETTINGS = (
    "SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; SET TimeZone = 'UTC'; SET bytea_output = 'hex'; "
    "SET extra_float_digits = 3; SET lock_timeout = 0; SET statement_timeout = 0; SET row_security = off"
)
# Without generated columns: they follow from the others, by rules that may differ between versions of PostgreSQL.
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
    """An estimate."""
    sql: str


class ComparedTable(NamedTuple):
    """A table that is the same on both servers."""

    table: Table
    rows: int
    seconds: float


def tables_of(database: FencedDatabase) -> list[Table]:
    """Return the tables whose rows move, the smallest first."""
    rows = database.connection.execute_sql(COLUMNS, (database.name, database.copied_tables())).fetchall()
    return [Table(name, about, _checksum(database.quoted_name(name), columns)) for name, about, columns in rows]


def compare_under_load(publisher: FencedDatabase, subscriber: FencedDatabase) -> list[ComparedTable]:
    """Compare all tables at one point in time; raise `MoveError` that names those that differ."""
    with _session(publisher) as sent, _session(subscriber) as received:
        key = f"{subscriber.name} halts"
        _query(received, "SELECT pg_advisory_lock(hashtext(%s), 0)", (key,))
        received.commit()
        try:
            _snapshot(publisher, sent)
            deadline = time.monotonic() + HALT_TIMEOUT
            while not subscriber.connection.value(HALTED, (key,)):
                if time.monotonic() > deadline:
                    raise MoveError("replication did not halt for the comparison: run the command again")
                time.sleep(POLL_INTERVAL)
            _query(received, "SELECT 1")  # Takes the snapshot.
        finally:
            _query(received, "SELECT pg_advisory_unlock(hashtext(%s), 0)", (key,))
        return _compare(tables_of(publisher), sent, received)


def compare_at_rest(
    publisher: FencedDatabase, subscriber: FencedDatabase, tables: Sequence[Table]
) -> list[ComparedTable]:
    """Compare these tables, whose writes are refused; raise `MoveError` that names those that differ."""
    with _session(publisher) as sent, _session(subscriber) as received:
        return _compare(tables, sent, received)


def _snapshot(database: FencedDatabase, session: Any) -> None:
    def attempt() -> None:
        with database.connection.atomic():
            database.lock_tables("SHARE")
            session.rollback()
            _query(session, "SELECT 1")
            database.write_marker()

    database.connection.retry_on_lock_timeout(attempt, "take a snapshot")


def _compare(tables: Sequence[Table], sent: Any, received: Any) -> list[ComparedTable]:
    same, different, done = [], [], 0
    with ProgressBar("compare", sum(table.rows for table in tables)) as bar, ThreadPoolExecutor(2) as pool:
        for table in tables:
            began = time.monotonic()
            futures = [pool.submit(_query, session, table.sql) for session in (sent, received)]
            try:
                found = [future.result() for future in futures]
            except BaseException:
                for session in (sent, received):
                    session.cancel()
                raise
            if found[0] == found[1]:
                same.append(ComparedTable(table, found[0][0], time.monotonic() - began))
            else:
                different.append(f"{table.name} ({found[0][0]:,} rows and {found[1][0]:,})")
            done += table.rows
            bar.update(done)
    if different:
        raise MoveError(
            f"the two servers differ in: {', '.join(different)}. Nothing is switched. Take the move back (--abort) "
            "and find out who writes at the target, or with session_replication_role = replica"
        )
    return same


def _checksum(table: str, columns: Sequence[str]) -> str:
    row = f"ROW({', '.join(columns)})::text"
    return f'SELECT count(*), coalesce(sum(hashtextextended(({row}) COLLATE "C", 0)::numeric), 0) FROM ONLY {table}'


@contextmanager
def _session(database: FencedDatabase) -> Iterator[Any]:
    """Yield a new connection whose snapshot lasts from its first query to its end."""
    session = psycopg2.connect(database.connection.url, application_name=f"blog_app move {database.name} (compare)")
    try:
        session.autocommit = True
        session.cursor().execute(SETTINGS)
        session.autocommit = False
        session.set_session(isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True)
        yield session
    finally:
        session.close()


def _query(session: Any, sql: str, parameters: Any = None) -> tuple[Any, ...]:
    with session.cursor() as cursor:
        cursor.execute(sql, parameters)
        return tuple(cursor.fetchone())
