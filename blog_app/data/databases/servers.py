"""One address of a logical database: a persistent connection for each thread, reconnects, pipelined statements."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Set
from contextlib import closing
from functools import partial
from typing import Any, Protocol

import peewee
import psycopg2
import psycopg2.extensions

from blog_app.data.circuit_breaker import CircuitBreaker
from blog_app.data.compiled import compile_sql
from blog_app.data.databases import dependencies, routing
from blog_app.data.databases.dependencies import DeclaredSQL, UndeclaredWrite
from blog_app.data.databases.polling import Probe
from blog_app.data.databases.sql_log import LoggingCursor
from blog_app.data.databases.sqlstates import CONNECTION_LOST, LOGICAL_DATABASE_MOVING, UNDEFINED_TABLE, sqlstate
from blog_app.data.databases.watchdog import Wait, limit_of

log = logging.getLogger(__name__)

PROBE_WAIT = 0.2
"""Seconds that a request, before it fails, waits for the probe that decides whether the next ones fail at once."""
TOO_MANY = ("too many", "connection slots", "no more connections")
"""What PostgreSQL and PgBouncer say when they live, but take no more connections."""
RETRY_WINDOW = 1.0
"""Seconds: a statement is repeated only if its connection turned out to be lost within them."""
MAX_PIPELINED = 100
"""Writes in one message, which is held in memory, here and in the pooler."""
CONNECTION_ERRORS = (peewee.OperationalError, peewee.InterfaceError)
DATABASE_ERRORS = (peewee.DatabaseError, peewee.InterfaceError)
"""Every error of a server or of the connection to it."""


class DatabaseUnreachable(peewee.OperationalError):
    """The server of a logical database cannot be reached, or the connection to it was lost."""


class TransactionLost(DatabaseUnreachable):
    """The connection was lost in a transaction: its server died, or a pooler ended it because it took too long."""


class Announcer(Protocol):
    """Sends BEGIN and COMMIT of a logical database, and announces what the transaction wrote."""

    def begin(self, server: Server, isolation_level: Any) -> Any:
        """Send BEGIN; return what `commit` needs."""

    def commit(self, server: Server, begun: Any, written: frozenset[str], last: bytes) -> None:
        """Send `last` and COMMIT in one message; return when the request may be answered.

        Raise only if the transaction did not, or may not have, committed.
        """


class TransactionState(threading.local):
    """The state of this thread's transaction."""

    def __init__(self, name: str, limit: float) -> None:
        self._limit = limit
        self.wait = Wait(name, limit)
        self.clear()

    def clear(self) -> None:
        self.wait.limit = self._limit
        self.written: set[str] = set()
        """The written collections."""
        self.declared = False
        """Whether `declare_write` was called: raw SQL may write."""
        self.begun: Any = None
        """What the announcer's `begin` returned."""
        self.pipelined: list[tuple[str, Any]] = []
        """Statements that the next message takes along."""
        self.committing = False
        """Whether COMMIT comes next; Peewee thinks that the transaction has ended already."""


class Savepoint(peewee._savepoint):
    """A savepoint whose rollback also drops the statements that it pipelined."""

    def rollback(self, begin: bool = True) -> None:
        self.db._transaction.pipelined.clear()  # Those from before the savepoint were sent with SAVEPOINT.
        super().rollback(begin)


BEFORE_COMMIT: list[Callable[[Server], None]] = []
"""Hooks that run before each COMMIT; they may write."""


class Server(peewee.PostgresqlDatabase):
    """One address of a logical database, through a pooler or not."""

    def __init__(
        self, name: str, url: str, *, connect_timeout: int = 3, statement_timeout: float = 10, sql_log: bool = False
    ) -> None:
        self.name = name
        self.url = url
        self._transaction = TransactionState(name, limit_of(statement_timeout))
        parameters: dict[str, Any] = {
            "connect_timeout": connect_timeout,
            # One name for all: where logical databases share a pool, PgBouncer sends a SET with each change of name.
            "application_name": "blog_app",
            # A lost peer is noticed within half a minute, also while a statement runs.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        }
        if sql_log:
            parameters["cursor_factory"] = LoggingCursor
        if "options=" not in url:
            parameters["options"] = f"-c statement_timeout={round(statement_timeout * 1000)}"
        super().__init__(url, **parameters)
        # Connections belong to threads. Under Peewee's lock they would connect one after the other, each after the
        # timeouts of all before it.
        self._lock = peewee._NoopLock()
        self.announcer: Announcer | None = None
        self.breaker: CircuitBreaker | None = None

    def _connect(self) -> Any:
        try:
            return super()._connect()
        except psycopg2.OperationalError as error:
            if "unsupported startup parameter" not in str(error):
                raise
        log.warning(
            "the pooler of %s refuses start-up options: our statement timeout does not hold behind it, "
            "set one with its connect_query or with ALTER ROLE",
            self.name,
        )
        self.connect_params.pop("options", None)
        return super()._connect()

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            connected = bool(super().connect(reuse_if_open))
        except CONNECTION_ERRORS as error:
            if self.breaker and not is_full(error):
                self.breaker.open(first_line(error))
            raise DatabaseUnreachable(f"cannot connect to {self.name}: {first_line(error)}") from error
        self._transaction.wait.watch(self._state.conn)
        return connected

    def execute(self, query: peewee.Node) -> Any:
        written = dependencies.written_by_query(query)
        sql, params = compile_sql(self, query)
        return self.execute_declared(DeclaredSQL(sql), params, written)

    def execute_declared(self, sql: DeclaredSQL, params: Any, written: Set[str]) -> Any:
        """Run a statement that writes these collections, in a transaction of its own if it writes any outside one."""
        if written and not self.in_transaction():
            with self.atomic():
                return self.execute_declared(sql, params, written)
        self._transaction.written |= written
        return self.execute_sql(sql, params)

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        if not self._transaction.pipelined:
            routing.record_statement(sql)
            return super()._execute_cursor(sql, params, **options)
        with peewee.__exception_wrapper__:
            cursor = self.cursor(**options)
            message = self._take_pipelined(cursor) + cursor.mogrify(sql, params or ())
            routing.record_statement(sql)
            cursor.execute(message)
        return cursor

    def _take_pipelined(self, cursor: Any) -> bytes:
        """Return the pipelined statements as one message that ends with a semicolon, and empty the pipeline."""
        pipelined, self._transaction.pipelined = self._transaction.pipelined, []
        for sql, _ in pipelined:
            routing.record_statement(sql)
        return b"".join(cursor.mogrify(sql, params or ()) + b"; " for sql, params in pipelined)

    def declare_write(self, model: Any, rows: Iterable[Any] | None = None) -> None:
        """Declare that raw SQL in this transaction writes these rows of `model`; None: rows that are not named."""
        if not self.in_transaction():
            raise UndeclaredWrite("declare_write() needs a transaction: call it inside atomic()")
        self._transaction.written |= dependencies.collections_of_rows(model, rows)
        self._transaction.declared = True

    def pipeline(self, write: peewee.Node | DeclaredSQL, params: Any = None, written: Set[str] = frozenset()) -> None:
        """Pipeline a write: send it in one message with the next statement, or with COMMIT.

        It costs no round trip. Its result is dropped; if it fails, the statement after it fails. `written` declares
        what raw SQL writes; a query says so itself. Outside a transaction it gets one of its own.
        """
        if not self.in_transaction():
            with self.atomic():
                return self.pipeline(write, params, written)
        if not isinstance(write, DeclaredSQL):
            written = dependencies.written_by_query(write)
            sql, params = compile_sql(self, write)
            write = DeclaredSQL(sql)
        self._transaction.written |= written
        if len(self._transaction.pipelined) < MAX_PIPELINED:
            self._transaction.pipelined.append((write, params))
        else:
            self.execute_sql(write, params)  # In one message with the pipelined ones.

    def savepoint(self) -> Savepoint:
        return Savepoint(self)

    def in_transaction(self) -> bool:
        return bool(super().in_transaction()) or self._transaction.committing

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not isinstance(sql, DeclaredSQL) and not self._transaction.declared and dependencies.is_write(sql):
            raise UndeclaredWrite(f"raw SQL writes, and no declare_write() in its transaction says what: {sql[:80]}")
        outside = not self.in_transaction()
        if outside:
            self._require_closed_circuit()
        repeatable = outside and sql.lstrip("( \n")[:6].upper() == "SELECT"
        return self._attempt(partial(super().execute_sql, sql, params), repeatable=repeatable)

    @property
    def wait(self) -> Wait:
        """What makes this thread's wait for an answer bounded."""
        return self._transaction.wait

    def limit_statements(self, seconds: float) -> None:
        """Set the statement timeout of this transaction; 0: no limit. `SET LOCAL` alone would not bound our wait."""
        self.execute_sql(f"SET LOCAL statement_timeout = {round(seconds * 1000)}")
        self._transaction.wait.limit = limit_of(seconds)

    def begin(self, isolation_level: Any = None) -> None:
        self._transaction.clear()
        self._require_closed_circuit()
        routing.to_primary(self.name)  # Later reads must see what this transaction writes.
        self._attempt(partial(self._begin, isolation_level), repeatable=True)

    def _begin(self, isolation_level: Any) -> None:
        if self.announcer:
            self._transaction.begun = self.announcer.begin(self, isolation_level)
        else:
            super().begin(isolation_level)

    def commit(self) -> None:
        try:
            self._transaction.committing = True
            for function in BEFORE_COMMIT:
                function(self)
            self._transaction.committing = False
            self._attempt(self._commit, committing=True)
        finally:
            self._transaction.clear()

    def _commit(self) -> None:
        with peewee.__exception_wrapper__:
            cursor = self.cursor()
            last = self._take_pipelined(cursor)
        if self.announcer and self._transaction.begun is not None:
            self.announcer.commit(self, self._transaction.begun, frozenset(self._transaction.written), last)
        else:
            with peewee.__exception_wrapper__:
                cursor.execute(last + b"COMMIT")

    def rollback(self) -> None:
        self._transaction.clear()
        try:
            if not self.is_lost():
                with self._transaction.wait:
                    return super().rollback()
        except CONNECTION_ERRORS:
            pass  # The server rolls back when the connection ends; a second error would hide the first.
        self.discard()

    def _attempt(self, action: Callable[[], Any], *, repeatable: bool = False, committing: bool = False) -> Any:
        """Return what `action` returns. If the connection is lost, drop it and raise `DatabaseUnreachable`.

        A persistent connection that turns out to be broken says nothing about the server: a repeatable action is then
        repeated once on a new connection. Not if the loss took longer than `RETRY_WINDOW`: the server was at work, or
        the pooler waited for it, and the request should not wait twice.
        """
        persistent = not self.is_closed()
        started = time.monotonic()
        try:
            with self._transaction.wait:
                return action()
        except DATABASE_ERRORS as error:
            if isinstance(error, DatabaseUnreachable):
                raise
            if not self.is_lost(error):
                self._raise_if_moved(error)
                raise
            if self._state.conn is None:  # connect() raised DatabaseUnreachable; Peewee wrapped it in another type.
                raise DatabaseUnreachable(first_line(error)) from error
            soon = not self.wait.is_cut and time.monotonic() - started < RETRY_WINDOW
            self._suspect(persistent and soon)
            if self.in_transaction():
                self._state.conn.close()  # rollback() discards it: until then nothing may connect anew.
                raise TransactionLost(f"the connection to {self.name} was lost: {first_line(error)}") from error
            self.discard()
            if committing:
                message = f"the connection to {self.name} was lost in COMMIT: its outcome is unknown"
                raise TransactionLost(f"{message}: {first_line(error)}") from error
            if not (persistent and repeatable and soon):
                raise DatabaseUnreachable(f"the connection to {self.name} was lost: {first_line(error)}") from error
        return self._attempt(action)

    def _require_closed_circuit(self) -> None:
        if self.breaker is not None and self.breaker.is_open():
            raise DatabaseUnreachable(f"the circuit breaker of {self.name} is open: it failed a moment ago")

    def _suspect(self, harmless: bool) -> None:
        """Let the circuit breaker judge a server whose connection was lost, unless that says nothing about it.

        The pooler, too, ends a connection that waited too long for a free one to its server. Then it must not open.
        """
        if self.breaker and self.wait.is_cut:
            self.breaker.open("it did not answer in time")
        elif self.breaker and not harmless:
            self.breaker.suspect(PROBE_WAIT)

    def _raise_if_moved(self, error: Exception) -> None:
        """Raise `DatabaseUnreachable` if this logical database moves, has moved, or has no tables here."""
        code = sqlstate(error)
        if code == LOGICAL_DATABASE_MOVING:
            raise DatabaseUnreachable(first_line(error)) from error
        if code == UNDEFINED_TABLE:
            why = "it was moved to another server, or its migrations have not run (flask migrate up)"
            raise DatabaseUnreachable(f"{self.name} is not here: {why}: {first_line(error)}") from error

    def discard(self) -> None:
        """Close this thread's connection, whatever its state; the next statement opens another."""
        connection = self._state.conn
        self._state.reset()
        self.wait.unwatch()
        if connection is not None and not connection.closed:
            connection.close()

    def release(self) -> None:
        """Keep this thread's connection for the next request if it is clean, else drop it."""
        if self._state.closed:
            return
        status = self._state.conn.get_transaction_status()  # Local knowledge of libpq, no round trip.
        if self.in_transaction() or status != psycopg2.extensions.TRANSACTION_STATUS_IDLE:
            self.discard()

    def is_lost(self, error: Exception | None = None) -> bool:
        """Return whether this thread's connection is unusable; psycopg2 does not always know it at once."""
        lost = sqlstate(error).startswith(CONNECTION_LOST)
        return self._state.conn is None or bool(self._state.conn.closed) or lost


def is_full(error: BaseException) -> bool:
    """Return whether a server refused a connection only because it has too many."""
    return any(words in str(error) for words in TOO_MANY)


def answer(url: str, limit: float) -> None:
    """Return if the server at `url` lives; raise psycopg2's errors, or `OSError`, if not, or after `limit` seconds."""
    try:
        with closing(Probe(url, limit)) as probe:
            probe.ask("SELECT 1")
    except psycopg2.OperationalError as error:
        if not is_full(error):
            raise


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, for logs and the terminal (never for a response)."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
