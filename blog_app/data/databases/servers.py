"""One physical address of a logical database: connections that are kept and replaced, transactions that are watched."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Set
from functools import partial
from typing import Any, Protocol

import peewee
import psycopg2
import psycopg2.extensions

from blog_app.data.compiled import sql_of
from blog_app.data.databases import collections, routing
from blog_app.data.databases.collections import Noted, UntouchedWrite

log = logging.getLogger(__name__)

RETRY_WITHIN_SECONDS = 1.0
LOST_CODES = ("08", "57P01", "57P02", "57P03")  # SQLSTATE: connection exceptions, the server shuts down or starts
MOVING_CODE = "57M01"
"""SQLSTATE, in PostgreSQL's class for interventions of operators: a move fences this place (`operations.move`)."""
UNDEFINED_TABLE = "42P01"
MOST_ALONG = 100
"""So many writes wait for the next statement; what a message holds is held in memory, here and in the pooler."""
CONNECTION_ERRORS = (peewee.OperationalError, peewee.InterfaceError)


class DatabaseAway(peewee.OperationalError):
    """The server of a logical database cannot be reached, or went away in the middle."""


class Announcer(Protocol):
    """Who hears of every transaction of a logical database, and tells others what it wrote."""

    def begin(self, server: Server, isolation_level: Any) -> Any:
        """Send BEGIN; return what `commit` will want to know."""

    def commit(self, server: Server, begun: Any, touched: frozenset[str], last: bytes) -> None:
        """Send `last` and COMMIT in one message; return when the write may be answered.

        Raise only if it did not, or may not have, committed.
        """


class Touched(threading.local):
    """What the transaction of this thread has written."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.collections: set[str] = set()
        self.declared = False
        self.begun: Any = None
        """What the announcer noted at BEGIN."""
        self.along: list[tuple[str, Any]] = []
        """Statements to be sent with the next one."""
        self.ending = False
        """Whether COMMIT comes next; Peewee thinks that the transaction has ended already."""


class Savepoint(peewee._savepoint):
    """A part of a transaction; when it is rolled back, so is what it wanted to be sent with its next statement."""

    def rollback(self, begin: bool = True) -> None:
        self.db._touched.along.clear()  # What waited before was sent with SAVEPOINT.
        super().rollback(begin)


BEFORE_COMMIT: list[Callable[[Server], None]] = []
"""Are called before each COMMIT; they may still write."""


class Server(peewee.PostgresqlDatabase):
    """One physical address of a logical database, through a pooler or not."""

    def __init__(self, name: str, url: str, *, connect_timeout: int = 3, statement_timeout: float = 10) -> None:
        self.name = name
        self.url = url
        self._touched = Touched()
        parameters: dict[str, Any] = {
            "connect_timeout": connect_timeout,
            # One name for all: where logical databases share a pool, it would send a SET with each change of name.
            "application_name": "blog_app",
            # A peer that the network took away is noticed in half a minute, also while we wait for its answer.
            "keepalives_idle": 15,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 30_000,
        }
        if "options=" not in url:
            parameters["options"] = f"-c statement_timeout={round(statement_timeout * 1000)}"
        super().__init__(url, **parameters)
        # Connections belong to threads. Peewee's lock would let them connect one after the other, and so let each of
        # them wait out the time limits of all before it.
        self._lock = peewee._NoopLock()
        self.announcer: Announcer | None = None

    def _connect(self) -> Any:
        try:
            return super()._connect()
        except psycopg2.OperationalError as error:
            if "unsupported startup parameter" not in str(error):
                raise
        log.warning(
            "the pooler of %s refuses start-up options: no statement time limit of ours holds behind it, "
            "set one with its connect_query or with ALTER ROLE",
            self.name,
        )
        self.connect_params.pop("options", None)
        return super()._connect()

    def connect(self, reuse_if_open: bool = False) -> bool:
        try:
            return bool(super().connect(reuse_if_open))
        except CONNECTION_ERRORS as error:
            raise DatabaseAway(f"cannot connect to {self.name}: {first_line(error)}") from error

    def execute(self, query: peewee.Node) -> Any:
        touched = collections.of_query(query)
        sql, params = sql_of(self, query)
        return self.execute_noted(Noted(sql), params, touched)

    def execute_noted(self, sql: Noted, params: Any, touched: Set[str]) -> Any:
        """Run a statement that writes these collections; one that writes any gets a transaction if there is none."""
        if touched and not self.in_transaction():
            with self.atomic():
                return self.execute_noted(sql, params, touched)
        self._touched.collections |= touched
        return self.execute_sql(sql, params)

    def _execute_cursor(self, sql: str, params: Any, **options: Any) -> Any:
        if not self._touched.along:
            routing.note(sql)
            return super()._execute_cursor(sql, params, **options)
        with peewee.__exception_wrapper__:
            cursor = self.cursor(**options)
            message = self._take_along(cursor) + cursor.mogrify(sql, params or ())
            routing.note(sql)
            cursor.execute(message)
        return cursor

    def _take_along(self, cursor: Any) -> bytes:
        """Return the statements that were to be sent with the next one, each with its semicolon."""
        along, self._touched.along = self._touched.along, []
        for sql, _ in along:
            routing.note(sql)
        return b"".join(cursor.mogrify(sql, params or ()) + b"; " for sql, params in along)

    def touch(self, model: Any, rows: Iterable[Any] | None = None) -> None:
        """Say that raw SQL in this transaction writes these rows of `model`; None: rows that cannot be named."""
        if not self.in_transaction():
            raise UntouchedWrite("touch() is about the statements of a transaction, and there is none")
        self._touched.collections |= collections.of_rows(model, rows)
        self._touched.declared = True

    def send_along(self, write: peewee.Node | Noted, params: Any = None, touched: Set[str] = frozenset()) -> None:
        """Let a write be sent in one message with the statement after it, or with COMMIT.

        It costs no round trip of its own; nobody learns its result, and if it fails, the other one does. `touched` is
        what SQL writes; a query says so itself. Without a transaction it gets one.
        """
        if not self.in_transaction():
            with self.atomic():
                return self.send_along(write, params, touched)
        if not isinstance(write, Noted):
            touched = collections.of_query(write)
            sql, params = sql_of(self, write)
            write = Noted(sql)
        self._touched.collections |= touched
        if len(self._touched.along) < MOST_ALONG:
            self._touched.along.append((write, params))
        else:
            self.execute_sql(write, params)  # Which takes the others along.

    def savepoint(self) -> Savepoint:
        return Savepoint(self)

    def in_transaction(self) -> bool:
        return bool(super().in_transaction()) or self._touched.ending

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if not isinstance(sql, Noted) and not self._touched.declared and collections.writes(sql):
            raise UntouchedWrite(f"raw SQL writes, and no touch() in its transaction says what: {sql[:80]}")
        repeatable = sql.lstrip("( \n")[:6].upper() == "SELECT" and not self.in_transaction()
        return self._attempt(partial(super().execute_sql, sql, params), repeatable=repeatable)

    def begin(self, isolation_level: Any = None) -> None:
        self._touched.clear()
        routing.to_primary(self.name)  # What comes after a transaction must see what it wrote.
        self._attempt(partial(self._begin, isolation_level), repeatable=True)

    def _begin(self, isolation_level: Any) -> None:
        if self.announcer:
            self._touched.begun = self.announcer.begin(self, isolation_level)
        else:
            super().begin(isolation_level)

    def commit(self) -> None:
        try:
            self._touched.ending = True
            for function in BEFORE_COMMIT:
                function(self)
            self._touched.ending = False
            self._attempt(self._commit, loss="was lost in COMMIT: its outcome is unknown")
        finally:
            self._touched.clear()

    def _commit(self) -> None:
        with peewee.__exception_wrapper__:
            cursor = self.cursor()
            last = self._take_along(cursor)
        if self.announcer and self._touched.begun is not None:
            self.announcer.commit(self, self._touched.begun, frozenset(self._touched.collections), last)
        else:
            with peewee.__exception_wrapper__:
                cursor.execute(last + b"COMMIT")

    def rollback(self) -> None:
        self._touched.clear()
        try:
            if not self.is_lost():
                return super().rollback()
        except CONNECTION_ERRORS:
            pass  # The server rolls back when the connection ends; a second error would hide the first.
        self.discard()

    def _attempt(self, action: Callable[[], Any], *, repeatable: bool = False, loss: str = "was lost") -> Any:
        """Return what `action` returns. If the connection turns out to be lost, drop it and raise `DatabaseAway`.

        But a connection that was kept from before and is found broken says nothing about the server: then a
        repeatable action is tried again on a new one. Not if the loss took its time: the server was at work, or the
        pooler waited for it in vain, and whoever asked should not wait twice.
        """
        kept = not self.is_closed()
        started = time.monotonic()
        try:
            return action()
        except (peewee.DatabaseError, peewee.InterfaceError) as error:
            if isinstance(error, DatabaseAway):
                raise
            if not self.is_lost(error):
                self._raise_if_elsewhere(error)
                raise
            if self._state.conn is None:  # connect() has said why; Peewee's own calls made another type of it.
                raise DatabaseAway(first_line(error)) from error
            if self.in_transaction():
                self._state.conn.close()  # Its end belongs to rollback(): until then nothing may connect anew.
            else:
                self.discard()
            if not (kept and repeatable and time.monotonic() - started < RETRY_WITHIN_SECONDS):
                raise DatabaseAway(f"the connection to {self.name} {loss}: {first_line(error)}") from error
        return self._attempt(action)

    def _raise_if_elsewhere(self, error: Exception) -> None:
        """Raise `DatabaseAway` if the error says that this logical database is not, or not now, at this place."""
        code = sqlstate(error)
        if code == MOVING_CODE:
            raise DatabaseAway(first_line(error)) from error
        if code == UNDEFINED_TABLE:
            why = "it was moved to another server, or its migrations have not run (flask migrate up)"
            raise DatabaseAway(f"{self.name} is not here: {why}: {first_line(error)}") from error

    def discard(self) -> None:
        """Close this thread's connection, whatever its state; the next statement opens another."""
        connection = self._state.conn
        self._state.reset()
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
        """Return whether this thread's connection is of no more use; psycopg2 does not always know it at once."""
        lost = sqlstate(error).startswith(LOST_CODES)
        return self._state.conn is None or bool(self._state.conn.closed) or lost


def sqlstate(error: Exception | None) -> str:
    """Return PostgreSQL's code for an error; empty if it did not come from a server."""
    return getattr(getattr(error, "orig", None), "pgcode", None) or ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, for logs and the terminal (never for a response)."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
