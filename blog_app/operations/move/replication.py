"""PostgreSQL's logical replication from one place to the other: the first copy, and what is written meanwhile.

Each object (publication, slot, subscription) is made if it is missing and dropped if it is there, so a run that was
killed anywhere is continued by the next. The slot is not left to CREATE SUBSCRIPTION, which would hang between two
databases of one server. What a place has received is not sent back (`origin = none`), so both ways can be open.

How far the copy is, is told by markers: rows that arrive after all that was committed before them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import uuid4

import peewee

from blog_app.data.databases.sqlstates import QUERY_CANCELED, sqlstate
from blog_app.operations.migrate.progress import ProgressBar
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.places import FreezeExpired, Place

POLL = 0.01
SLOT_TRY = 3.0
COPY_POLL = 0.25
CAUGHT_UP = 1.0
"""Seconds within which a marker must arrive before the freeze may begin."""
MOST_ERRORS = 3
QUIET = 10.0

NEED_FULL_IDENTITY = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relkind = 'r'
  AND (c.relreplident = 'n' OR c.relreplident = 'd' AND NOT EXISTS
       (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND x.indisprimary AND x.indimmediate))
ORDER BY 1
"""
STATES = """
SELECT count(*), count(*) FILTER (WHERE r.srsubstate = 'r'),
       coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE r.srsubstate NOT IN ('i', 'd')), 0)
FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid JOIN pg_class c ON c.oid = r.srrelid
WHERE s.subname = %s AND s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
COPYING = """
SELECT coalesce(sum(p.tuples_processed), 0) FROM pg_stat_progress_copy p
WHERE p.datname = current_database() AND p.command = 'COPY FROM'
  AND p.relid IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)))
"""
ERRORS = """
SELECT coalesce(sum(apply_error_count + sync_error_count), 0)::bigint FROM pg_stat_subscription_stats WHERE subname = %s
"""
LAG = """
SELECT greatest(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn), 0)::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""
WORKING = "SELECT EXISTS (SELECT FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL)"
SUBSCRIPTION = """
SELECT EXISTS (SELECT FROM pg_subscription WHERE subname = %s
               AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


class Channel:
    """What is written at `giving` arrives at `taking`."""

    def __init__(self, giving: Place, taking: Place, move: str, address: str) -> None:
        self.giving = giving
        self.taking = taking
        self.address = address
        """Of the giving place, as the taking server reaches it."""
        self.name = f"move_{giving.name}_{move}_{giving.side}"

    def publish(self, full_identity: tuple[str, ...]) -> None:
        """Offer the rows of all tables; those without a key are told apart by all their columns meanwhile."""
        place, connection = self.giving, self.giving.connection
        if connection.value("SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = %s)", (self.name,)):
            return
        tables = [f"ONLY {place.quoted(table)}" for table in place.copied()] + [state.markers(place.name)]

        def attempt() -> None:
            with connection.atomic():
                for table in full_identity:
                    connection.send(f"ALTER TABLE {place.quoted(table)} REPLICA IDENTITY FULL")
                connection.send(f"CREATE PUBLICATION {self.name} FOR TABLE {', '.join(tables)}")

        connection.retry_on_lock_timeout(attempt, "publish")

    def reserve(self) -> None:
        """Keep all changes from now on for whoever subscribes. Waits for the transactions that write right now."""
        connection = self.giving.connection
        told = time.monotonic()
        while not self._slot_exists():
            try:
                with connection.limits(lock=0, statement=SLOT_TRY):
                    connection.execute_sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))
            except peewee.OperationalError as error:
                if sqlstate(error) != QUERY_CANCELED:
                    raise
                if time.monotonic() - told > QUIET:
                    told = time.monotonic()
                    connection.say(f"waiting for transactions to end: {self.giving.long_transactions() or 'unknown'}")

    def subscribe(self, *, copy: bool) -> None:
        """Begin to take, first what is there, with `copy`; or go on taking."""
        connection = self.taking.connection
        if connection.value(SUBSCRIPTION, (self.name,)):
            connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} ENABLE")
            return
        connection.execute_sql(
            f"CREATE SUBSCRIPTION {self.name} CONNECTION %s PUBLICATION {self.name} WITH "
            f"(create_slot = false, copy_data = {str(copy).lower()}, origin = none, streaming = off)",
            (self.address,),
        )

    def pause(self) -> None:
        """Take nothing for a while; where it stopped is remembered."""
        connection = self.taking.connection
        if connection.value(SUBSCRIPTION, (self.name,)):
            connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} DISABLE")
            while connection.value(WORKING, (self.name,)):
                time.sleep(POLL)

    def require_kept(self) -> None:
        """Raise `MoveError` if the giving server has let go of what it was to keep."""
        query = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s"
        row = self.giving.connection.execute_sql(query, (self.name,)).fetchone()
        if row is None or row[0] == "lost":
            raise MoveError(
                f"the {self.giving.side} no longer has all that was written there since the copy began (slot "
                f"{self.name}: max_slot_wal_keep_size, or a failover?). Take the move back (--abort), or after it "
                "arrived confirm it (--confirm), and move anew"
            )

    def copy(self, rows: int) -> None:
        """Return when every table has been copied once; `rows`: about how many there are."""
        connection = self.taking.connection
        errors, quiet, last = self._errors(), time.monotonic(), -1
        with ProgressBar("copy rows", rows) as bar, connection.limits(statement=0):
            while True:
                tables, ready, done = connection.execute_sql(STATES, (self.name,)).fetchone()
                if tables and tables == ready:
                    bar.update(bar.total)
                    return
                done = int(done) + int(connection.value(COPYING, (self.taking.name,)))
                if done != last:
                    last, quiet = done, time.monotonic()
                    bar.update(min(done, bar.total))
                elif time.monotonic() - quiet > QUIET:
                    quiet = time.monotonic()
                    connection.say(
                        f"nothing arrives; {ready} of {tables} tables are copied; "
                        f"open at the {self.giving.side}: {self.giving.long_transactions() or 'no long transaction'}"
                    )
                self._require_health(errors)
                time.sleep(COPY_POLL)

    def catch_up(self) -> None:
        """Return when what is written arrives within a second."""
        errors, arrived_after = self._errors(), CAUGHT_UP
        while arrived_after >= CAUGHT_UP:
            began, marker = time.monotonic(), self._ping()
            with ProgressBar("catch up", self.lag(), unit="bytes of log") as bar:
                for _ in self._arrivals(marker):
                    bar.update(max(bar.total - self.lag(), 0))
                    self._require_health(errors)
                    time.sleep(POLL)
            arrived_after = time.monotonic() - began

    def drain(self, marker: str, until: float) -> None:
        """Return when the marker has arrived; raise `FreezeExpired` at the monotonic time `until`."""
        for _ in self._arrivals(marker):
            if time.monotonic() > until:
                raise FreezeExpired(
                    f"the last changes did not arrive at the {self.taking.side} in time; nothing is switched. "
                    "Run the command again, or give it longer (--freeze-limit SECONDS)"
                )
            time.sleep(POLL)

    def lag(self) -> int:
        """Return how many bytes of log the other place has not confirmed yet."""
        row = self.giving.connection.execute_sql(LAG, (self.name,)).fetchone()
        return row[0] if row else 0

    def close(self) -> None:
        """Take no more, and let go of what was kept for it."""
        self.unsubscribe()
        self.unpublish()

    def unsubscribe(self) -> None:
        """Drop the subscription without asking the other server, which may be away."""
        connection = self.taking.connection
        if connection.value(SUBSCRIPTION, (self.name,)):
            with connection.atomic():
                connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} DISABLE")
                connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} SET (slot_name = NONE)")
                connection.execute_sql(f"DROP SUBSCRIPTION {self.name}")

    def unpublish(self) -> None:
        """Drop the slots and the publication."""
        connection = self.giving.connection
        for slot in self._slots():
            connection.execute_sql(
                "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots "
                "WHERE slot_name = %s AND active",
                (slot,),
            )
            connection.execute_sql(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s", (slot,)
            )
        connection.execute_sql(f"DROP PUBLICATION IF EXISTS {self.name}")

    def _slots(self) -> list[str]:
        rows = self.giving.connection.execute_sql(
            "SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s", (self.name,)
        )
        return [slot for (slot,) in rows.fetchall()]

    def _slot_exists(self) -> bool:
        return bool(self._slots())

    def _ping(self) -> str:
        marker = str(uuid4())
        self.giving.mark(marker)
        return marker

    def _arrivals(self, marker: str) -> Iterator[None]:
        """Yield while the marker has not arrived."""
        arrived = f"SELECT EXISTS (SELECT FROM {state.markers(self.taking.name)} WHERE id = %s)"
        while not self.taking.connection.value(arrived, (marker,)):
            yield

    def _errors(self) -> int:
        return int(self.taking.connection.value(ERRORS, (self.name,)))

    def _require_health(self, before: int) -> None:
        self.require_kept()
        if self._errors() - before >= MOST_ERRORS:
            raise MoveError(
                f"the {self.taking.side} cannot take what it is sent: its server's log says why (subscription "
                f"{self.name}). Mend that and run the command again, or take the move back (--abort)"
            )
