"""One of the two places of a logical database that moves, and the fence around it.

The fence is a statement trigger on every table. It refuses writes until an instant that is part of the trigger itself:
an instant soon (the freeze, which ends by itself if whoever froze dies), `infinity` (for good) or `-infinity` (not at
all). It holds for everybody, owners and superusers too, in every session at once, and costs a request no statement.
Putting it up waits for the writers under way and makes new ones wait meanwhile, so it is tried briefly, again and
again; once it stands, nothing that was written before it is still uncommitted. Row locks (`FOR UPDATE`) pass: what they
are taken for does not.

A place that was left is also hidden: its schema has another name, so nobody reads there what is no longer true.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
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

PUT_UP = """
CREATE OR REPLACE TRIGGER {fence} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.refuse('{name}', '{until}')
"""
RELATIONS = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind = ANY(%s::\"char\"[])
ORDER BY relname
"""
PARTITIONS = "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relispartition"
OLDEST = """
SELECT pid, coalesce(nullif(application_name, ''), 'no application name'), usename,
       date_trunc('second', now() - xact_start)::text
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND xact_start < now() - interval '1 second'
ORDER BY xact_start LIMIT 3
"""


# All logical databases go by one name, so what others begin here meanwhile is left out.
BUSY = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'blog_app' AND state <> 'idle' AND query_start < %s
"""
DEPARTURE_SECONDS = 1.0
POLL = 0.02


class FreezeExpired(MoveError):
    """The freeze ended before all was done: writes go on where they went before."""


class Place:
    """A logical database at one address, by a direct connection that holds the lock of its migrations."""

    def __init__(self, connection: Connection, side: str) -> None:
        self.connection = connection
        self.name = connection.name
        self.side = side
        self.frozen_at = 0.0
        self._frozen_until = NEVER

    @property
    def hidden(self) -> str:
        """The schema's name while it is hidden."""
        return f"{self.name}_moved"

    @property
    def record(self) -> Record | None:
        return state.read(self.connection)

    @property
    def standing(self) -> str | None:
        record = self.record
        return record.standing if record else None

    def exists(self, schema: str) -> bool:
        """Tell whether a schema is here."""
        return bool(self.connection.value("SELECT to_regnamespace(quote_ident(%s)) IS NOT NULL", (schema,)))

    def relations(self, *kinds: str, schema: str | None = None) -> list[str]:
        """Return the names of the schema's relations of these kinds, unquoted."""
        rows = self.connection.execute_sql(RELATIONS, (schema or self.name, list(kinds))).fetchall()
        return [name for (name,) in rows]

    def copied(self) -> list[str]:
        """Return the tables whose rows move: all but the epoch, which belongs to the place."""
        return [name for name in self.relations(TABLES) if name != epochs.TABLE]

    def partitions(self) -> set[str]:
        """Return the names of the tables that are parts of others."""
        return {name for (name,) in self.connection.execute_sql(PARTITIONS, (self.name,)).fetchall()}

    def quoted(self, relation: str) -> str:
        """Return the name of a relation as SQL has it."""
        return f"{self._ident(self.name)}.{self._ident(relation)}"

    def drop(self, schema: str) -> None:
        """Drop a schema with all that is in it."""
        with self.connection.limits(statement=0):
            sql = f"DROP SCHEMA IF EXISTS {self._ident(schema)} CASCADE"
            send_with_retry(self.connection, sql, f"drop {schema}")

    def freeze(self, seconds: float) -> str:
        """Refuse writes for `seconds`; return the marker that comes after the last write.

        The epoch closes with it, so when every lease is over nobody believes what is cached. If a run that was killed
        has begun to lead processes elsewhere, the freeze has no end.
        """
        marker = str(uuid4())
        until = "SELECT (clock_timestamp() + make_interval(secs => %s))::text"
        record = self.record

        def attempt() -> None:
            began = time.monotonic()
            with self.connection.atomic():
                self._lock()
                self._fence(NEVER, [epochs.TABLE])  # An earlier freeze may still stand.
                epochs.close(self.connection)
                leading = record is not None and record.rerouting
                self._frozen_until = FOREVER if leading else self.connection.value(until, (seconds,))
                self._fence(self._frozen_until)
                self.mark(marker)
            self.frozen_at = began

        self.connection.retry_on_lock_timeout(attempt, "freeze")
        return marker

    def outwait_leases(self) -> None:
        """Return when no process trusts any more what it has cached of this place, which is frozen."""
        if epochs.read(self.connection).redis:  # Else nobody ever did.
            time.sleep(max(0.0, self.frozen_at + ENDED - time.monotonic()))

    def mark(self, marker: str) -> None:
        """Write a marker, which arrives at the other place after all that was committed before it."""
        self.connection.execute_sql(f"INSERT INTO {state.markers(self.name)} VALUES (%s)", (marker,))

    def hold(self) -> None:
        """Let the freeze last until `leave` or `thaw`; raise `FreezeExpired` if it has ended by itself."""

        def attempt() -> None:
            with self.connection.atomic():
                self._lock()  # Nobody writes from here on, whatever the clock says.
                if not self.connection.value("SELECT clock_timestamp() < %s::timestamptz", (self._frozen_until,)):
                    raise FreezeExpired(
                        "the freeze took longer than its limit, so writes go on at the old place and nothing is "
                        "switched. Run the command again, or give it longer (--freeze-limit SECONDS)"
                    )
                self._fence(FOREVER)
                state.change(self.connection, rerouting=True)

        self.connection.retry_on_lock_timeout(attempt, "hold the freeze")

    def await_departure(self) -> None:
        """Give processes that were led away the time to end what they have begun here."""
        led = self.connection.value("SELECT clock_timestamp()")
        deadline = time.monotonic() + DEPARTURE_SECONDS
        while self.connection.value(BUSY, (led,)) and time.monotonic() < deadline:
            time.sleep(POLL)

    def thaw(self) -> None:
        """Accept writes again: nothing was switched."""
        self._change(NEVER, SERVING)

    def leave(self) -> None:
        """Refuse writes and reads for good. From here on the other place is the true one."""

        def attempt() -> None:
            with self.connection.atomic():
                if self.exists(self.name):
                    self._rename(self.name, self.hidden)
                state.change(self.connection, standing=LEFT, rerouting=False)

        self.connection.retry_on_lock_timeout(attempt, "leave")

    def open(self) -> None:
        """Accept writes: the other place was left."""
        self._change(NEVER, SERVING)

    def receive(self, *, show: bool = False) -> None:
        """Accept nothing but what is copied here, which the epoch is not; `show`: into the schema that was hidden."""

        def attempt() -> None:
            with self.connection.atomic():
                if show and self.exists(self.hidden):
                    self._rename(self.hidden, self.name)
                self._lock()
                if self.fenced():
                    self._fence(NEVER, [epochs.TABLE])
                    table = epochs.table(self.name)
                    self.connection.execute_sql(f"INSERT INTO {table} DEFAULT VALUES ON CONFLICT DO NOTHING")
                self._fence(FOREVER)
                state.change(self.connection, standing=RECEIVING)

        self.connection.retry_on_lock_timeout(attempt, "fence")

    def tear_down_fence(self) -> None:
        """Remove the triggers, one table at a time: it stops nobody any more, and each removal needs a strong lock."""
        for table in self.relations(TABLES, PARTITIONED):
            sql = f"DROP TRIGGER IF EXISTS {FENCE} ON {self.quoted(table)}"
            send_with_retry(self.connection, sql, f"remove the fence of {table}")

    def restore_identity(self, tables: Sequence[str]) -> None:
        """Let tables without a key be published by nothing, as before the move."""
        for table in tables:
            if table in self.relations(TABLES):
                sql = f"ALTER TABLE {self.quoted(table)} REPLICA IDENTITY DEFAULT"
                send_with_retry(self.connection, sql, sql)

    def name_session(self, application: str) -> None:
        """Tell whoever waits for this session, or lists it, what it is."""
        self.connection.execute_sql("SELECT set_config('application_name', %s, false)", (application,))

    def long_transactions(self) -> str:
        """Say who has had a transaction open for long: the copy waits for them."""
        rows = self.connection.execute_sql(OLDEST).fetchall()
        return "; ".join(
            f"pid {pid} ({application}, user {user}), open for {age}" for pid, application, user, age in rows
        )

    def end_orphans(self, application: str) -> None:
        """End what a killed run has left behind at work here; whoever asks holds the lock, so it is nobody else's."""
        self.connection.execute_sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = %s AND datname = current_database() AND usename = current_user",
            (application,),
        )

    def _change(self, until: str, standing: str) -> None:
        def attempt() -> None:
            with self.connection.atomic():
                self._lock()
                self._fence(until)
                state.change(self.connection, standing=standing, rerouting=False)

        self.connection.retry_on_lock_timeout(attempt, "open" if until == NEVER else "fence")

    def _lock(self) -> None:
        """Keep writers out until the transaction ends; those under way end before."""
        self.lock_tables("SHARE ROW EXCLUSIVE")

    def lock_tables(self, mode: str) -> None:
        """Lock all tables in one statement."""
        tables = ", ".join(map(self.quoted, self.fenced()))
        if tables:
            self.connection.send(f"LOCK TABLE {tables} IN {mode} MODE")

    def fence(self, until: str, tables: Sequence[str]) -> str:
        """Return the SQL that fences these tables."""
        return ";".join(
            PUT_UP.format(fence=FENCE, table=self.quoted(table), schema=SCHEMA, name=self.name, until=until)
            for table in tables
        )

    def fenced(self) -> list[str]:
        """Return the tables that the fence stands around."""
        return self.relations(TABLES, PARTITIONED)

    def _fence(self, until: str, tables: Sequence[str] | None = None) -> None:
        if tables := tables or self.fenced():
            self.connection.send(self.fence(until, tables))

    def _rename(self, old: str, new: str) -> None:
        self.connection.send(f"ALTER SCHEMA {self._ident(old)} RENAME TO {self._ident(new)}")

    def _ident(self, name: str) -> str:
        return str(quote_ident(name, self.connection.connection()))
