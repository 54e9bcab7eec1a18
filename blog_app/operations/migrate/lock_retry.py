"""Lock timeouts and retries: short waits for a lock, growing pauses in between, and the blocking session named.

A statement that waits for a strong lock makes every later query on that table wait behind it. So an attempt gives up
after `LOCK_TIMEOUT`, holds nothing while it pauses, and is repeated. While it waits, a second connection looks up which
sessions block it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import peewee
import psycopg2

from blog_app.data import backoff
from blog_app.data.databases.sqlstates import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED, sqlstate
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import Database

T = TypeVar("T")

LOCK_TIMEOUT = 0.3
STATEMENT_TIMEOUT = 5.0
"""Seconds that a statement may take by default; others may wait behind it meanwhile."""
IDLE_TIMEOUT = 10.0
"""Seconds between two statements of a transaction."""
MAX_TRIES = 40
MIN_BACKOFF, MAX_BACKOFF, BACKOFF_GROWTH = 0.5, 10.0, 1.5
POLL_INTERVAL, MESSAGE_INTERVAL = 0.08, 10.0

BLOCKERS = """
SELECT pid, coalesce(nullif(application_name, ''), 'no application name'), usename, state,
       date_trunc('second', now() - coalesce(xact_start, backend_start))::text,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 80)
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s))
"""
WANTED = "SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND NOT granted AND relation IS NOT NULL"


class LockingDatabase(Database, Protocol):
    """A database that can be watched while it waits for a lock."""

    @property
    def pid(self) -> int: ...
    def observer(self) -> Any:
        """Return a second connection, which looks up what blocks this one."""


@dataclass
class LockWait:
    """What blocked a statement, as last seen."""

    blockers: list[str] = field(default_factory=list)
    table: str | None = None
    only_autovacuum: bool = False

    def __str__(self) -> str:
        return "; ".join(self.blockers) or "a session that has ended"


class LockTimeout(Exception):
    """An attempt got no lock in time, or ended in a deadlock."""


def is_statement_timeout(error: BaseException) -> bool:
    """Return whether the statement timeout ended it; a statement that somebody cancels has the same SQLSTATE."""
    return sqlstate(error) == QUERY_CANCELED and "user request" not in str(error)


def retry(database: LockingDatabase, attempt: Callable[[], T], what: str) -> T:
    """Return what `attempt` returns, trying again when it gets no lock; raise `MigrationError` after `MAX_TRIES`.

    An attempt is a whole transaction or one statement, so that it leaves nothing behind when it fails.
    """
    began = time.monotonic()
    wait = LockWait()

    def try_once() -> T:
        if wait.only_autovacuum and wait.table:
            cancel_autovacuum(database, wait.table)
        with watching(database, wait):
            try:
                return attempt()
            except peewee.OperationalError as error:
                if sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED):
                    raise LockTimeout from error
                raise

    def warn(_: Exception, seconds: float) -> None:
        database.report(f"{database.name}: {what}: lock timeout; blocked by {wait}; next try in {seconds:.1f} s")

    try:
        return backoff.retry(
            try_once, LockTimeout, warn, tries=MAX_TRIES, first=MIN_BACKOFF, longest=MAX_BACKOFF, growth=BACKOFF_GROWTH
        )
    except LockTimeout as error:
        raise MigrationError(
            f"{what}: no lock in {MAX_TRIES} tries over {time.monotonic() - began:.0f} s; last blocked by {wait}"
        ) from error


def cancel_autovacuum(database: LockingDatabase, table: str) -> None:
    """Make PostgreSQL cancel autovacuum of `table`: it yields to a lock that waits longer than `deadlock_timeout`.

    The lock asked for conflicts with no read and no write, so nobody queues behind it.
    """
    seconds = database.value("SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)") + 1
    with database.limits(lock=float(seconds)):
        try:
            with database.atomic():
                database.execute_sql(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
        except peewee.OperationalError:
            database.report(f"{database.name}: anti-wraparound autovacuum locks {table} and cannot be cancelled")


@contextmanager
def watching(database: LockingDatabase, wait: LockWait) -> Iterator[None]:
    """Record in `wait` what blocks the connection while the context runs; report it when that takes long."""
    done = threading.Event()
    pid = database.pid
    watcher = threading.Thread(target=_watch, args=(database, pid, done, wait), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(database: LockingDatabase, pid: int, done: threading.Event, wait: LockWait) -> None:
    last_message = time.monotonic()
    try:
        with database.observer().cursor() as cursor:  # Connect first: an attempt is short.
            while not done.wait(POLL_INTERVAL):
                cursor.execute(BLOCKERS, (pid,))
                if not (rows := cursor.fetchall()):
                    continue
                cursor.execute(WANTED, (pid,))
                wanted = cursor.fetchone()
                wait.blockers = [_described(row) for row in rows]
                wait.only_autovacuum = all(row[2] is None for row in rows)
                wait.table = wanted[0] if wanted else None
                if time.monotonic() - last_message > MESSAGE_INTERVAL:
                    database.report(f"{database.name}: still waiting; blocked by {wait}")
                    last_message = time.monotonic()
    except psycopg2.Error:
        pass  # The run's own connection reports what is wrong.


def _described(row: tuple[object, ...]) -> str:
    pid, application, user, state, age, query = row
    if user is None:  # A plain role sees no more of it.
        return f"pid {pid} (autovacuum)"
    if state is None:
        return f"pid {pid} ({application}, user {user}; GRANT pg_monitor to see its query)"
    return f"pid {pid} ({application}, user {user}, {state}, transaction open for {age}): {query}"
