"""The direct connection of a migration run to the primary, and the advisory lock of the run.

Guarantees:

* It refuses a pooler in between, which would lose the session's lock and settings.
* One run at a time for each logical database. A run that waits for the advisory lock holds no snapshot, so the holder
  can build an index concurrently, which waits for all older snapshots.
* Every statement has a short lock timeout and a short statement timeout, unless `limits` says otherwise. Python code
  that does something else inside a transaction ends the run, for its locks are held meanwhile.
* A lost connection ends the run, for its lock is lost too; it is never replaced. The statement of a killed run ends at
  the server within seconds.
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
from blog_app.data.databases import CONNECTION_ERRORS, DatabaseUnreachable, first_line, identity
from blog_app.operations.migrate import MigrationError, lock_retry, move_check, signals
from blog_app.operations.migrate.database import BYPASSES_CHECKS, Reporter

T = TypeVar("T")

LOCK_CLASS = 0x626C6F67  # "blog": the first half of the advisory lock's key; the second is the name's hash.
LOCK_POLL_INTERVAL = 0.25
DIRECT_SETTING = "blog_app.direct"
# Without it the statement of a killed run would hold its locks to the end. PostgreSQL 14 and later have this setting.
CHECK_CLIENT_CONNECTION = (
    "SELECT set_config(name, '2s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"
)


class Connection(peewee.PostgresqlDatabase):
    """A direct connection to the primary of one logical database. It leaves no marks; writers close the epoch."""

    def __init__(self, settings: Settings, name: str, report: Reporter, url: str | None = None) -> None:
        self.name = name
        self.report = report
        self._observer: Any = None
        self._last_statement = time.monotonic()
        self.inspect: Callable[[str, Any], None] | None = None
        self.url = url or settings.databases[name].direct_url
        own = psycopg2.extensions.parse_dsn(self.url).get("options", "")
        limits = f"-c lock_timeout={lock_retry.LOCK_TIMEOUT}s -c statement_timeout={lock_retry.STATEMENT_TIMEOUT}s"
        limits += f" -c idle_in_transaction_session_timeout={lock_retry.IDLE_TIMEOUT}s"
        super().__init__(
            self.url,
            connect_timeout=settings.connect_timeout,
            application_name=f"blog_app migrate {name}",
            # The setting reaches the server only without a pooler in between: poolers refuse or drop start-up options.
            options=f"{own} -c {DIRECT_SETTING}=yes {limits}".strip(),
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=3,
        )

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if self.inspect:
            self.inspect(sql, params)
        with self._naming_lost_connection(), self.inspected(None), signals.cancellable():
            try:
                return super().execute_sql(sql, params)
            except IndexError as error:
                raise MigrationError(f"write %% for a percent sign in SQL: {sql[:200]}") from error

    @contextmanager
    def inspected(self, inspect: Callable[[str, Any], None] | None) -> Iterator[None]:
        """Pass the statements inside to `inspect` before they are sent; it may raise."""
        before, self.inspect = self.inspect, inspect
        try:
            yield
        finally:
            self.inspect = before

    def cursor(self, named_cursor: Any = None) -> Any:
        if self.inspect:
            raise MigrationError(BYPASSES_CHECKS)
        return super().cursor(named_cursor)

    def connection(self) -> Any:
        if self.inspect:
            raise MigrationError(BYPASSES_CHECKS)
        return super().connection()

    def begin(self, isolation_level: Any = None) -> None:
        with self._naming_lost_connection(), self.inspected(None):
            super().begin(isolation_level)

    def commit(self) -> None:
        with self._naming_lost_connection(), self.inspected(None):
            super().commit()

    @contextmanager
    def _naming_lost_connection(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
            self._last_statement = time.monotonic()
        except CONNECTION_ERRORS as error:
            if not self.lost:
                raise
            if began - self._last_statement > lock_retry.IDLE_TIMEOUT:
                raise MigrationError(
                    f"rolled back, because the code did something else than SQL for more than "
                    f"{lock_retry.IDLE_TIMEOUT:g} s while its transaction held locks. Prepare it before, or use "
                    "migrator.backfill"
                ) from error
            raise DatabaseUnreachable(f"the connection to {self.name} was lost: {first_line(error)}") from error

    def send(self, sql: str) -> Any:
        """Run SQL without parameters; a percent sign is a percent sign."""
        return self.execute_sql(sql.replace("%", "%%"))

    def value(self, sql: str, params: Any = None) -> Any:
        """Return the first column of the first row; None if there is no row."""
        row = self.execute_sql(sql, params).fetchone()
        return row[0] if row else None

    def retry_on_lock_timeout(self, attempt: Callable[[], T], what: str) -> T:
        """Return what `attempt` returns, trying again when it gets no lock (see `lock_retry`)."""
        return lock_retry.retry(self, attempt, what)

    @contextmanager
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> Iterator[None]:
        """Give the statements inside another lock timeout or statement timeout, in seconds; 0 is none."""
        before = {}
        for setting, seconds in (("lock_timeout", lock), ("statement_timeout", statement)):
            if seconds is not None:
                before[setting] = self.value("SELECT current_setting(%s)", (setting,))
                self._set(setting, f"{round(seconds * 1000)}ms")
        try:
            yield
        finally:
            # A failed transaction restores its settings itself.
            if not self.lost and self._state.conn.get_transaction_status() != TRANSACTION_STATUS_INERROR:
                for setting, value in before.items():
                    self._set(setting, value)

    def _set(self, setting: str, value: str) -> None:
        self.execute_sql("SELECT set_config(%s, %s, false)", (setting, value))

    def rollback(self) -> None:
        if not self.lost:  # Otherwise the server has rolled back, and a second error would hide the first.
            with self.inspected(None):
                super().rollback()

    def observer(self) -> Any:
        """Return a second connection, for the thread that looks up what blocks this one."""
        if self._observer is None or self._observer.closed:
            self._observer = psycopg2.connect(self.url, application_name=f"blog_app migrate {self.name} (watching)")
            self._observer.autocommit = True
        return self._observer

    @property
    def pid(self) -> int:
        """The process of the server behind this connection."""
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
def connected(settings: Settings, name: str, report: Reporter, url: str | None = None) -> Iterator[Connection]:
    """Yield a direct connection; raise `MigrationError` when it leads through a pooler.

    Raises `UnsupportedVersion` when PostgreSQL is too old.
    """
    connection = Connection(settings, name, report, url)
    try:
        connection.connect()
    except CONNECTION_ERRORS as error:
        raise DatabaseUnreachable(f"cannot connect to {name}: {first_line(error)}") from error
    connection.autoconnect = False
    try:
        identity.require_version(connection, name)
        if connection.value("SELECT current_setting(%s, true)", (DIRECT_SETTING,)) != "yes":
            raise MigrationError(
                f"{name} is reached through a pooler, where the lock against a second run would be lost. Set "
                f"{name.upper()}_DIRECT_URL (or DIRECT_URL) to the address of PostgreSQL itself"
            )
        with suppress(peewee.DatabaseError):  # Not every operating system supports it.
            connection.execute_sql(CHECK_CLIENT_CONNECTION)
        yield connection
    finally:
        connection.discard()


@contextmanager
def run_lock(connection: Connection) -> Iterator[None]:
    """Hold the advisory lock of this logical database; wait for another run to finish, and say which.

    Raises `MigrationError` if the logical database is on another server, to which it moves or has moved.
    """
    with advisory_lock(connection, connection.name):
        move_check.refuse_if_elsewhere(connection, connection.name)
        yield


@contextmanager
def advisory_lock(connection: Connection, what: str) -> Iterator[None]:
    """Hold the session's advisory lock named `what`."""
    key = (LOCK_CLASS, what)
    announced = False
    while not connection.value("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key):
        if not announced:
            connection.report(f"{what}: waiting for another run to finish ({_holder(connection, what)})")
            announced = True
        time.sleep(LOCK_POLL_INTERVAL)
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
    return f"pid {row[0]}, {row[1]}, connected for {row[2]}" if row else "it has just ended"
