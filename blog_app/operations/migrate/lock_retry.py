"""Waiting for locks without making others wait: short tries, growing pauses, and the blocker named.

A statement that waits for a strong lock makes every later query on that table wait behind it. So a try gives up after
`LOCK_TIMEOUT`, holds nothing while it pauses, and tries again. While it waits a second connection looks who is in the
way.
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

from blog_app.data.backoff import retry
from blog_app.data.databases.sqlstates import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE, QUERY_CANCELED, sqlstate
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import Database

T = TypeVar("T")

LOCK_TIMEOUT = 0.3
STATEMENT_TIMEOUT = 5.0
"""Seconds a statement may take unless something says otherwise; others may wait behind it meanwhile."""
TRIES = 40
MIN_BACKOFF, MAX_BACKOFF, BACKOFF_GROWTH = 0.5, 10.0, 1.5
LOOK_EVERY, REPEAT_EVERY = 0.08, 10.0

BLOCKERS = """
SELECT pid, coalesce(nullif(application_name, ''), 'no application name'), usename, state,
       date_trunc('second', now() - coalesce(xact_start, backend_start))::text,
       left(regexp_replace(query, '\\s+', ' ', 'g'), 80)
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s))
"""
WANTED = "SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND NOT granted AND relation IS NOT NULL"


class LockingDatabase(Database, Protocol):
    """A database that can be seen waiting for a lock."""

    @property
    def pid(self) -> int: ...
    def observer(self) -> Any:
        """Return a second connection, which looks what this one waits for."""


@dataclass
class Wait:
    """What was in the way of one statement, as last seen."""

    blockers: list[str] = field(default_factory=list)
    table: str | None = None
    only_autovacuum: bool = False

    def __str__(self) -> str:
        return "; ".join(self.blockers) or "somebody who was gone a moment later"


class NoLock(Exception):
    """An attempt found no lock in time."""


def out_of_time(error: BaseException) -> bool:
    """Return whether the statement's time limit ended it; a person who cancels it has the same code."""
    return sqlstate(error) == QUERY_CANCELED and "user request" not in str(error)


def patiently(database: LockingDatabase, attempt: Callable[[], T], what: str) -> T:
    """Return what `attempt` returns, trying again when it finds no lock; raise `MigrationError` after `TRIES`.

    An attempt must leave nothing behind when it fails: a whole transaction, or one statement.
    """
    began = time.monotonic()
    wait = Wait()

    def attempt_once() -> T:
        if wait.only_autovacuum and wait.table:
            push_autovacuum_aside(database, wait.table)
        with watching(database, wait):
            try:
                return attempt()
            except peewee.OperationalError as error:
                if sqlstate(error) in (LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED):
                    raise NoLock from error
                raise

    def report(_: Exception, seconds: float) -> None:
        database.say(f"{database.name}: {what} found no lock; in the way: {wait}; next try in {seconds:.1f} s")

    try:
        return retry(
            attempt_once, NoLock, report, tries=TRIES, first=MIN_BACKOFF, longest=MAX_BACKOFF, growth=BACKOFF_GROWTH
        )
    except NoLock as error:
        raise MigrationError(
            f"{what} found no lock in {TRIES} tries over {time.monotonic() - began:.0f} s; last in the way: {wait}"
        ) from error


def push_autovacuum_aside(database: LockingDatabase, table: str) -> None:
    """Make autovacuum leave `table`: it gives way to a lock that waits longer than `deadlock_timeout`.

    The lock asked for conflicts with no read and no write, so nobody queues behind it.
    """
    patience = database.value("SELECT extract(epoch FROM current_setting('deadlock_timeout')::interval)") + 1
    with database.limits(lock=float(patience)):
        try:
            with database.atomic():
                database.execute_sql(f"LOCK TABLE {table} IN SHARE UPDATE EXCLUSIVE MODE")
        except peewee.OperationalError:
            database.say(f"{database.name}: autovacuum stays on {table} (to prevent wraparound it does not give way)")


@contextmanager
def watching(database: LockingDatabase, wait: Wait) -> Iterator[None]:
    """Note in `wait` who blocks the connection while the context runs; say it when that takes long."""
    done = threading.Event()
    pid = database.pid
    watcher = threading.Thread(target=_watch, args=(database, pid, done, wait), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(database: LockingDatabase, pid: int, done: threading.Event, wait: Wait) -> None:
    spoken = time.monotonic()
    try:
        with database.observer().cursor() as cursor:  # Connected before it is needed: a try is short.
            while not done.wait(LOOK_EVERY):
                cursor.execute(BLOCKERS, (pid,))
                if not (rows := cursor.fetchall()):
                    continue
                cursor.execute(WANTED, (pid,))
                wanted = cursor.fetchone()
                wait.blockers = [_described(row) for row in rows]
                wait.only_autovacuum = all(row[2] is None for row in rows)
                wait.table = wanted[0] if wanted else None
                if time.monotonic() - spoken > REPEAT_EVERY:
                    database.say(f"{database.name}: still waiting; in the way: {wait}")
                    spoken = time.monotonic()
    except psycopg2.Error:
        pass  # Watching is a courtesy; the run's own connection will tell.


def _described(row: tuple[object, ...]) -> str:
    pid, application, user, state, age, query = row
    if user is None:  # All that a plain role may see of it.
        return f"pid {pid} (autovacuum)"
    if state is None:
        return f"pid {pid} ({application}, user {user}; GRANT pg_monitor shows what it does)"
    return f"pid {pid} ({application}, user {user}, {state}, transaction open for {age}): {query}"
