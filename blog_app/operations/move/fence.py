"""A logical database on one of the two servers of a move, and its write fence.

The fence is a statement trigger on every table. It refuses writes until a time that is part of the trigger itself: soon
(the freeze, which expires if its process dies), `infinity` (for good) or `-infinity` (writes pass). It applies to every
role, owners and superusers too, and to every session, and costs a request no statement. Creating it waits for running
writers and makes new ones wait meanwhile, so it is tried briefly and repeatedly; once it is there, every earlier write
is committed or rolled back. Row locks (`FOR UPDATE`) pass the fence; the writes that follow them do not.

A server that was left also hides its schema under another name, so that nobody reads stale rows there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, TypeVar, cast
from uuid import uuid4

from psycopg2.extensions import quote_ident

from blog_app.data.databases.move_record import SCHEMA
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.clock import ENDED
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.database import send_with_retry
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.state import LEFT, RECEIVING, SERVING, Record

FENCE = "blog_app_fence"
TABLES, PARTITIONED, SEQUENCES, MATERIALIZED = "r", "p", "S", "m"
FOREVER, NEVER = "infinity", "-infinity"

CREATE_FENCE = """
CREATE OR REPLACE TRIGGER {fence} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse('{name}', '{until}')
"""
RELATIONS = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind = ANY(%s::\"char\"[])
ORDER BY oid
"""
PARTITIONS = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relispartition"
LONG_TRANSACTIONS = """
SELECT pid, coalesce(nullif(application_name, ''), 'no application name'), usename,
       date_trunc('second', now() - xact_start)::text
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND xact_start < now() - interval '1 second'
ORDER BY xact_start LIMIT 3
"""
# All logical databases connect under one application name: queries that began later may belong to the others.
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'blog_app' AND state <> 'idle' AND query_start < %s
"""
START_SESSION = """
SELECT set_config('application_name', %s, false);
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE application_name = %s AND datname = current_database() AND usename = current_user
"""
DRAIN_TIMEOUT = 1.0
POLL_INTERVAL = 0.02

Method = TypeVar("Method", bound=Callable[..., Any])


def copy_session(name: str) -> str:
    """Return the application name of the programs that copy a logical database."""
    return f"blog_app move {name} (copy)"


class FreezeExpired(MoveError):
    """The freeze expired before the switch was ready: the same server takes writes as before."""


def transaction(what: str) -> Callable[[Method], Method]:
    """Run the method in a transaction, again when it gets no lock; `what` names it in messages."""

    def decorate(method: Method) -> Method:
        @wraps(method)
        def run(database: FencedDatabase, *args: Any, **options: Any) -> Any:
            def attempt() -> Any:
                with database.connection.atomic():
                    return method(database, *args, **options)

            return database.connection.retry_on_lock_timeout(attempt, what)

        return cast(Method, run)

    return decorate


class FencedDatabase:
    """A logical database on one server, by a direct connection that holds the lock of its migrations."""

    def __init__(self, connection: Connection, side: str) -> None:
        self.connection = connection
        self.name = connection.name
        self.side = side
        self.frozen_at = 0.0
        self._frozen_until = NEVER

    @property
    def hidden(self) -> str:
        """The name of the schema while it is hidden."""
        return f"{self.name}_moved"

    @property
    def record(self) -> Record | None:
        return state.read(self.connection)

    @property
    def standing(self) -> str | None:
        record = self.record
        return record.standing if record else None

    def exists(self, schema: str) -> bool:
        """Return whether a schema exists."""
        return bool(self.connection.value("SELECT to_regnamespace(quote_ident(%s)) IS NOT NULL", (schema,)))

    def relations(self, *kinds: str) -> list[str]:
        """Return the names of the schema's relations of these kinds, unquoted, in the order of their creation."""
        rows = self.connection.execute_sql(RELATIONS, (self.name, list(kinds))).fetchall()
        return [name for (name,) in rows]

    def copied_tables(self) -> list[str]:
        """Return the tables whose rows move: all but the epoch, which belongs to the server."""
        return [name for name in self.relations(TABLES) if name != epochs.TABLE]

    def partitions(self) -> set[str]:
        """Return the names of the tables that are partitions."""
        return {name for (name,) in self.connection.execute_sql(PARTITIONS, (self.name,)).fetchall()}

    def quoted_name(self, relation: str) -> str:
        """Return the qualified, quoted name of a relation."""
        return f"{self._ident(self.name)}.{self._ident(relation)}"

    def drop(self, schema: str) -> None:
        """Drop a schema with all that is in it."""
        with self.connection.limits(statement=0):
            sql = f"DROP SCHEMA IF EXISTS {self._ident(schema)} CASCADE"
            send_with_retry(self.connection, sql, f"drop {schema}")

    @transaction("freeze")
    def freeze(self, seconds: float) -> str:
        """Refuse writes for `seconds`; return the marker that comes after the last write.

        This also closes the epoch, so no process trusts cached responses once its lease has ended. The freeze does not
        expire if a killed run has begun to redirect processes.
        """
        self.frozen_at = time.monotonic()
        record = self.record
        self.lock_tables()
        self._fence(NEVER, [epochs.TABLE])  # An earlier freeze may still stand.
        epochs.close(self.connection)
        until = "SELECT (clock_timestamp() + make_interval(secs => %s))::text"
        self._frozen_until = FOREVER if record and record.rerouting else self.connection.value(until, (seconds,))
        self._fence(self._frozen_until)
        return self.write_marker()

    def wait_for_leases(self) -> None:
        """Return when every lease on this frozen server has ended: no process trusts what it has cached of it."""
        if epochs.read(self.connection).redis:  # Without Redis there are no leases.
            time.sleep(max(0.0, self.frozen_at + ENDED - time.monotonic()))

    def write_marker(self) -> str:
        """Write and return a marker, which arrives at the other server after everything committed before it."""
        marker = str(uuid4())
        self.connection.execute_sql(f"INSERT INTO {state.markers(self.name)} VALUES (%s)", (marker,))
        return marker

    @transaction("extend the freeze")
    def extend_freeze(self) -> None:
        """Let the freeze last until `leave` or `unfreeze`; raise `FreezeExpired` if it has expired."""
        self.lock_tables()  # Blocks writers from here on, even if the freeze expires now.
        if not self.connection.value("SELECT clock_timestamp() < %s::timestamptz", (self._frozen_until,)):
            raise FreezeExpired(
                "the freeze expired, so nothing is switched and the same server takes writes as before. "
                "Run the command again, or allow more time (--freeze-limit SECONDS)"
            )
        self._fence(FOREVER)
        state.update(self.connection, rerouting=True)

    def wait_for_running_queries(self) -> None:
        """Wait for the queries that redirected processes still run here, at most `DRAIN_TIMEOUT` seconds."""
        redirected_at = self.connection.value("SELECT clock_timestamp()")
        deadline = time.monotonic() + DRAIN_TIMEOUT
        while self.connection.value(BUSY, (redirected_at,)) and time.monotonic() < deadline:
            time.sleep(POLL_INTERVAL)

    @transaction("leave")
    def leave(self) -> None:
        """Refuse writes and reads for good: from here on only the other server may serve."""
        if self.exists(self.name):
            self._rename(self.name, self.hidden)
        state.update(self.connection, standing=LEFT, rerouting=False)

    @transaction("accept writes")
    def accept_writes(self) -> None:
        """Accept writes, again after a freeze, or for the first time once the other server was left."""
        self.lock_tables()
        self._fence(NEVER)
        state.update(self.connection, standing=SERVING, rerouting=False)

    @transaction("fence")
    def receive(self, *, show: bool = False) -> None:
        """Accept replicated rows only, and add the epoch, which is not replicated; `show`: unhide the schema first."""
        if show and self.exists(self.hidden):
            self._rename(self.hidden, self.name)
        self.lock_tables()
        if self.fenced_tables():
            self._fence(NEVER, [epochs.TABLE])
            table = epochs.table(self.name)
            self.connection.execute_sql(f"INSERT INTO {table} DEFAULT VALUES ON CONFLICT DO NOTHING")
        self._fence(FOREVER)
        state.update(self.connection, standing=RECEIVING)

    def drop_fence(self) -> None:
        """Drop the triggers, one table at a time: they refuse nothing any more, and each drop needs a strong lock."""
        for table in self.fenced_tables():
            sql = f"DROP TRIGGER IF EXISTS {FENCE} ON {self.quoted_name(table)}"
            send_with_retry(self.connection, sql, f"drop the fence of {table}")

    def restore_replica_identity(self, tables: Sequence[str]) -> None:
        """Reset REPLICA IDENTITY of the tables without a key, as it was before the move."""
        for table in sorted({*tables} & {*self.relations(TABLES)}):
            sql = f"ALTER TABLE {self.quoted_name(table)} REPLICA IDENTITY DEFAULT"
            send_with_retry(self.connection, sql, sql)

    def long_transactions(self) -> str:
        """Return a text that names the longest open transactions, for which the copy waits."""
        rows = self.connection.execute_sql(LONG_TRANSACTIONS).fetchall()
        return "; ".join(
            f"pid {pid} ({application}, user {user}), open for {age}" for pid, application, user, age in rows
        )

    def start_session(self) -> None:
        """Name this session in pg_stat_activity; terminate what a killed run left: no other run holds the lock."""
        self.connection.execute_sql(START_SESSION, (f"blog_app move {self.name}", copy_session(self.name)))

    def lock_tables(self, mode: str = "SHARE ROW EXCLUSIVE") -> None:
        """Block writers until the transaction ends; wait for those that run."""
        if tables := ", ".join(map(self.quoted_name, self.fenced_tables())):
            self.connection.send(f"LOCK TABLE {tables} IN {mode} MODE")

    def fence_sql(self, until: str, tables: Sequence[str]) -> str:
        """Return the SQL that fences these tables."""
        return ";".join(
            CREATE_FENCE.format(fence=FENCE, table=self.quoted_name(table), schema=SCHEMA, name=self.name, until=until)
            for table in tables
        )

    def fenced_tables(self) -> list[str]:
        """Return the tables that the fence protects."""
        return self.relations(TABLES, PARTITIONED)

    def _fence(self, until: str, tables: Sequence[str] | None = None) -> None:
        if tables := tables or self.fenced_tables():
            self.connection.send(self.fence_sql(until, tables))

    def _rename(self, old: str, new: str) -> None:
        self.connection.send(f"ALTER SCHEMA {self._ident(old)} RENAME TO {self._ident(new)}")

    def _ident(self, name: str) -> str:
        return str(quote_ident(name, self.connection.connection()))
