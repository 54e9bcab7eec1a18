"""PostgreSQL's logical replication between source and target: the initial copy, and the changes made meanwhile.

The publisher is the server that sends: the source, or on the way back the target. Each object (publication, slot,
subscription) is created if it is missing and dropped if it exists, so the next run continues a killed one. The slot is
not left to CREATE SUBSCRIPTION, which would hang between two databases of one server. Received changes are not sent
back (`origin = none`), so both directions can be open.

Markers show the progress: rows that arrive after everything that was committed before them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import peewee

from blog_app.data.databases.sqlstates import QUERY_CANCELED, sqlstate
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.fence import FencedDatabase, FreezeExpired
from blog_app.operations.progress_bar import ProgressBar

POLL_INTERVAL = 0.01
SLOT_TIMEOUT = 3.0
COPY_POLL_INTERVAL = 0.25
MAX_LAG_SECONDS = 1.0
"""Seconds within which a marker must arrive before the freeze may begin."""
MAX_ERRORS = 3
REPORT_INTERVAL = 10.0

TABLES_WITHOUT_KEY = """
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
SELECT coalesce(greatest(max(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), confirmed_flush_lsn)), 0), 0)::bigint
FROM pg_replication_slots WHERE slot_name = %s
"""
WORKING = "SELECT EXISTS (SELECT FROM pg_stat_subscription WHERE subname = %s AND pid IS NOT NULL)"
SLOT = "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = %s)"
SUBSCRIPTION = """
SELECT EXISTS (SELECT FROM pg_subscription WHERE subname = %s
               AND subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


class Channel:
    """Replication of one logical database from `publisher` to `subscriber`."""

    def __init__(self, publisher: FencedDatabase, subscriber: FencedDatabase, move: str, address: str) -> None:
        self.publisher = publisher
        self.subscriber = subscriber
        self.address = address
        """Of the publisher, as seen from the subscriber."""
        self.name = f"move_{publisher.name}_{move}_{publisher.side}"

    def publish(self, full_identity: tuple[str, ...]) -> None:
        """Publish all tables; those without a key get REPLICA IDENTITY FULL meanwhile."""
        database, connection = self.publisher, self.publisher.connection
        if connection.value("SELECT EXISTS (SELECT FROM pg_publication WHERE pubname = %s)", (self.name,)):
            return
        tables = [f"ONLY {database.quoted_name(table)}" for table in database.copied_tables()] + [
            state.markers(database.name)
        ]

        def attempt() -> None:
            with connection.atomic():
                for table in full_identity:
                    connection.send(f"ALTER TABLE {database.quoted_name(table)} REPLICA IDENTITY FULL")
                connection.send(f"CREATE PUBLICATION {self.name} FOR TABLE {', '.join(tables)}")

        connection.retry_on_lock_timeout(attempt, "publish")

    def create_slot(self) -> None:
        """Create the slot, which retains all changes from now on; wait for the transactions that write now."""
        connection = self.publisher.connection
        reported = time.monotonic()
        while not connection.value(SLOT, (self.name,)):
            try:
                with connection.limits(lock=0, statement=SLOT_TIMEOUT):
                    connection.execute_sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (self.name,))
            except peewee.OperationalError as error:
                if sqlstate(error) != QUERY_CANCELED:
                    raise
                if time.monotonic() - reported > REPORT_INTERVAL:
                    reported = time.monotonic()
                    connection.report(
                        f"waiting for transactions to end: {self.publisher.long_transactions() or 'unknown'}"
                    )

    def subscribe(self, *, copy: bool) -> None:
        """Create the subscription, with `copy` including the rows that exist; or enable it again."""
        connection = self.subscriber.connection
        if connection.value(SUBSCRIPTION, (self.name,)):
            connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} ENABLE")
            return
        connection.execute_sql(
            f"CREATE SUBSCRIPTION {self.name} CONNECTION %s PUBLICATION {self.name} WITH "
            f"(create_slot = false, copy_data = {str(copy).lower()}, origin = none, streaming = off)",
            (self.address,),
        )

    def pause(self) -> None:
        """Disable the subscription; the slot remembers its position."""
        connection = self.subscriber.connection
        if connection.value(SUBSCRIPTION, (self.name,)):
            connection.execute_sql(f"ALTER SUBSCRIPTION {self.name} DISABLE")
            while connection.value(WORKING, (self.name,)):
                time.sleep(POLL_INTERVAL)

    def require_log_retained(self) -> None:
        """Raise `MoveError` if the publisher no longer retains the log that the subscriber needs."""
        query = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s"
        row = self.publisher.connection.execute_sql(query, (self.name,)).fetchone()
        if row is None or row[0] == "lost":
            raise MoveError(
                f"the {self.publisher.side} no longer has all that was written there since the copy began (slot "
                f"{self.name}: max_slot_wal_keep_size, or a failover?). Take the move back (--abort), or after it "
                "arrived confirm it (--confirm), and start a new move"
            )

    def wait_for_copy(self, rows: int) -> None:
        """Return when every table has been copied; `rows` is about how many there are."""
        connection = self.subscriber.connection
        errors, progress_at, last = self._errors(), time.monotonic(), -1
        with ProgressBar("copy rows", rows) as bar, connection.limits(statement=0):
            while True:
                tables, ready, done = connection.execute_sql(STATES, (self.name,)).fetchone()
                if tables and tables == ready:
                    bar.update(bar.total)
                    return
                done = int(done) + int(connection.value(COPYING, (self.subscriber.name,)))
                if done != last:
                    last, progress_at = done, time.monotonic()
                    bar.update(min(done, bar.total))
                elif time.monotonic() - progress_at > REPORT_INTERVAL:
                    progress_at = time.monotonic()
                    connection.report(
                        f"no progress; {ready} of {tables} tables are copied; "
                        f"{self.publisher.side}: {self.publisher.long_transactions() or 'no long transaction is open'}"
                    )
                self._require_health(errors)
                time.sleep(COPY_POLL_INTERVAL)

    def wait_until_caught_up(self) -> None:
        """Return when changes arrive within `MAX_LAG_SECONDS`."""
        errors, arrived_after = self._errors(), MAX_LAG_SECONDS
        while arrived_after >= MAX_LAG_SECONDS:
            began, marker = time.monotonic(), self.publisher.write_marker()
            with ProgressBar("catch up", self._lag_bytes(), unit="bytes of log") as bar:
                for _ in self._arrivals(marker):
                    bar.update(max(bar.total - self._lag_bytes(), 0))
                    self._require_health(errors)
                    time.sleep(POLL_INTERVAL)
            arrived_after = time.monotonic() - began

    def wait_for_marker(self, marker: str, until: float) -> None:
        """Return when the marker has arrived; raise `FreezeExpired` at the monotonic time `until`."""
        for _ in self._arrivals(marker):
            if time.monotonic() > until:
                raise FreezeExpired(
                    f"the last changes did not arrive at the {self.subscriber.side} in time; nothing is switched. "
                    "Run the command again, or allow more time (--freeze-limit SECONDS)"
                )
            time.sleep(POLL_INTERVAL)

    def _lag_bytes(self) -> int:
        """Return how many bytes of log the subscriber has not confirmed yet."""
        return int(self.publisher.connection.value(LAG, (self.name,)))

    def drop(self) -> None:
        """End the replication: drop subscription, slot and publication."""
        publisher, subscriber = self.publisher.connection, self.subscriber.connection
        if subscriber.value(SUBSCRIPTION, (self.name,)):
            with subscriber.atomic():  # Without contacting the publisher, which may be unreachable.
                subscriber.execute_sql(f"ALTER SUBSCRIPTION {self.name} DISABLE")
                subscriber.execute_sql(f"ALTER SUBSCRIPTION {self.name} SET (slot_name = NONE)")
                subscriber.execute_sql(f"DROP SUBSCRIPTION {self.name}")
        for function in ("pg_terminate_backend(active_pid, 5000)", "pg_drop_replication_slot(slot_name)"):
            publisher.execute_sql(f"SELECT {function} FROM pg_replication_slots WHERE slot_name = %s", (self.name,))
        publisher.execute_sql(f"DROP PUBLICATION IF EXISTS {self.name}")

    def _arrivals(self, marker: str) -> Iterator[None]:
        """Yield until the marker has arrived."""
        arrived = f"SELECT EXISTS (SELECT FROM {state.markers(self.subscriber.name)} WHERE id = %s)"
        while not self.subscriber.connection.value(arrived, (marker,)):
            yield

    def _errors(self) -> int:
        return int(self.subscriber.connection.value(ERRORS, (self.name,)))

    def _require_health(self, before: int) -> None:
        self.require_log_retained()
        if self._errors() - before >= MAX_ERRORS:
            raise MoveError(
                f"the {self.subscriber.side} cannot apply the changes: see its server log (subscription {self.name}). "
                "Fix that and run the command again, or roll the move back (--abort)"
            )
