"""The connection of a migration run: straight to the primary, never replaced, holding the run's advisory lock.

Guarantees:

* It is refused when a pooler stands in between: a session's lock and settings would be lost there.
* One run at a time and logical database. Who waits for the lock holds no snapshot meanwhile, so the holder can
  build an index concurrently, which waits for all older snapshots.
* Every statement has a short lock time limit and a short time limit, unless something says otherwise.
* A lost connection ends the run: the lock went with it. A run that was killed ends at the server too, within seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import peewee
import psycopg2.extensions
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from blog_app.config import Settings
from blog_app.data.databases import CONNECTION_ERRORS, DatabaseAway, first_line
from blog_app.operations.migrate import MigrationError, lock_retry, move_check, signals
from blog_app.operations.migrate.database import PAST_THE_CHECKS, Say

T = TypeVar("T")

LOCK_CLASS = 0x626C6F67  # "blog": the first half of the advisory lock's key; the second is the name's hash.
LOCK_POLL = 0.25
DIRECT_MARK = "blog_app.direct"
# What a killed run has left at work would hold its locks to the end, and the next run would wait for nobody. Servers
# before PostgreSQL 14 do not have this setting.
NOTICE_DEATH = "SELECT set_config(name, '2s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"


class Connection(peewee.PostgresqlDatabase):
    """A direct connection to the primary of one logical database. It announces nothing: writers close the epoch."""

    def __init__(self, settings: Settings, name: str, say: Say, url: str | None = None) -> None:
        self.name = name
        self.say = say
        self._observer: Any = None
        self.inspect: Callable[[str, Any], None] | None = None
        self.url = url or settings.databases[name].direct_url
        # The mark reaches the server only without a pooler in between: those refuse or drop start-up options.
        options = {
            DIRECT_MARK: "yes",
            "lock_timeout": f"{lock_retry.LOCK_TIMEOUT}s",
            "statement_timeout": f"{lock_retry.STATEMENT_TIMEOUT}s",
        }
        own = psycopg2.extensions.parse_dsn(self.url).get("options", "")
        super().__init__(
            self.url,
            connect_timeout=settings.connect_timeout,
            application_name=f"blog_app migrate {name}",
            options=" ".join([own, *(f"-c {key}={value}" for key, value in options.items())]).strip(),
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if self.inspect:
            self.inspect(sql, params)
        with self._telling_of_loss(), self.inspected(None), signals.raised():
            try:
                return super().execute_sql(sql, params)
            except IndexError as error:
                raise MigrationError(f"a percent sign in SQL is written %%: {sql[:200]}") from error

    @contextmanager
    def inspected(self, inspect: Callable[[str, Any], None] | None) -> Iterator[None]:
        """Show the statements inside to `inspect` before they are sent; it may raise."""
        before, self.inspect = self.inspect, inspect
        try:
            yield
        finally:
            self.inspect = before

    def cursor(self, named_cursor: Any = None) -> Any:
        if self.inspect:
            raise MigrationError(PAST_THE_CHECKS)
        return super().cursor(named_cursor)

    def connection(self) -> Any:
        if self.inspect:
            raise MigrationError(PAST_THE_CHECKS)
        return super().connection()

    def begin(self, isolation_level: Any = None) -> None:
        with self._telling_of_loss(), self.inspected(None):
            super().begin(isolation_level)

    def commit(self) -> None:
        with self._telling_of_loss(), self.inspected(None):
            super().commit()

    @contextmanager
    def _telling_of_loss(self) -> Iterator[None]:
        try:
            yield
        except CONNECTION_ERRORS as error:
            if not self.lost:
                raise
            raise DatabaseAway(f"the connection to {self.name} was lost: {first_line(error)}") from error

    def send(self, sql: str) -> Any:
        """Run SQL text as it is: a percent sign is a percent sign."""
        return self.execute_sql(sql.replace("%", "%%"))

    def value(self, sql: str, params: Any = None) -> Any:
        """Return the first column of the first row."""
        return self.execute_sql(sql, params).fetchone()[0]

    def patiently(self, attempt: Callable[[], T], what: str) -> T:
        """Return what `attempt` returns, trying again while it finds no lock (see `locks`)."""
        return lock_retry.patiently(self, attempt, what)

    @contextmanager
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> Iterator[None]:
        """Give the statements inside other time limits, in seconds; 0 is none."""
        wanted = {"lock_timeout": lock, "statement_timeout": statement}
        before = {}
        for setting, seconds in wanted.items():
            if seconds is not None:
                before[setting] = self.value("SELECT current_setting(%s)", (setting,))
                self._set(setting, f"{round(seconds * 1000)}ms")
        try:
            yield
        finally:
            # A transaction that failed takes its settings back itself.
            if not self.lost and self._state.conn.get_transaction_status() != TRANSACTION_STATUS_INERROR:
                for setting, value in before.items():
                    self._set(setting, value)

    def _set(self, setting: str, value: str) -> None:
        self.execute_sql("SELECT set_config(%s, %s, false)", (setting, value))

    def rollback(self) -> None:
        if not self.lost:  # Else the server has rolled back, and a second error would hide the first.
            with self.inspected(None):
                super().rollback()

    def observer(self) -> Any:
        """Return a second connection, for a thread that watches what this one waits for."""
        if self._observer is None or self._observer.closed:
            self._observer = psycopg2.connect(self.url, application_name=f"blog_app migrate {self.name} (watching)")
            self._observer.autocommit = True
        return self._observer

    @property
    def pid(self) -> int:
        """The process of the server that serves this connection."""
        return int(self._state.conn.get_backend_pid())

    @property
    def lost(self) -> bool:
        return self._state.conn is None or bool(self._state.conn.closed)

    def discard(self) -> None:
        """Close the connection, whatever its state."""
        if self._observer is not None:
            self._observer.close()
        connection = self._state.conn
        self._state.reset()
        if connection is not None and not connection.closed:
            connection.close()


@contextmanager
def connected(settings: Settings, name: str, say: Say, url: str | None = None) -> Iterator[Connection]:
    """Yield a direct connection; raise `MigrationError` when it leads through a pooler."""
    connection = Connection(settings, name, say, url)
    try:
        connection.connect()
    except CONNECTION_ERRORS as error:
        raise DatabaseAway(f"cannot connect to {name}: {first_line(error)}") from error
    connection.autoconnect = False
    try:
        if connection.value("SELECT current_setting(%s, true)", (DIRECT_MARK,)) != "yes":
            raise MigrationError(_pooled(name))
        with suppress(peewee.DatabaseError):  # Not every operating system can tell.
            connection.execute_sql(NOTICE_DEATH)
        yield connection
    finally:
        connection.discard()


def _pooled(name: str) -> str:
    return (
        f"{name} is reached through a pooler, which loses the lock that keeps two runs apart: "
        f"set {name.upper()}_DIRECT_URL (or DIRECT_URL) to the address of PostgreSQL itself"
    )


@contextmanager
def run_lock(connection: Connection) -> Iterator[None]:
    """Hold the lock of this logical database's schema; wait for another run to finish, and say who that is.

    Raises `MigrationError` where the logical database is not, because it moves or has moved.
    """
    with advisory_lock(connection, connection.name):
        move_check.refuse_elsewhere(connection, connection.name)
        yield


@contextmanager
def advisory_lock(connection: Connection, what: str) -> Iterator[None]:
    """Hold the session's advisory lock named `what`."""
    key = (LOCK_CLASS, what)
    told = False
    while not connection.value("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key):
        if not told:
            connection.say(f"{what}: waiting for another run to finish ({_holder(connection, what)})")
            told = True
        time.sleep(LOCK_POLL)
    try:
        yield
    finally:
        if not connection.lost:
            connection.execute_sql("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


def _holder(connection: Connection, what: str) -> str:
    row = connection.execute_sql(
        "SELECT a.pid, a.application_name, date_trunc('second', now() - a.backend_start) "
        "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() "
        "AND l.classid = %s AND l.objid = hashtext(%s)::oid",
        (LOCK_CLASS, what),
    ).fetchone()
    return f"pid {row[0]}, {row[1]}, connected for {row[2]}" if row else "it just ended"
