"""The epoch row of a logical database, on its primary, and the statements that read and change it.

Everything in Redis belongs to an epoch, and is trusted only while the row says that this epoch is `open`. The
write-ahead log also brings the row to the replicas. `UPDATE … SET status = 'closed'` from any client invalidates all.
"""

from __future__ import annotations

import time
import uuid
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import peewee

from blog_app.data.databases.catalog import table_exists
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.data.watermarks.clock import ENDED

CLOSED, OPENING, OPEN = "closed", "opening", "open"
TABLE = "watermark_epoch"

# To the microsecond, so no other server has it. The system identifier would say the same of a server that restarted,
# but takes a tenth of a millisecond, for it is read from a file; pg_control_checkpoint() would lag behind a promotion.
SERVER = (
    "extract(epoch FROM pg_postmaster_start_time())::text || '/' || "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
)


class Database(Protocol):
    """A connection to the primary of a logical database: a `Server` of the app, or a migration's own."""

    name: str

    def execute_sql(self, sql: str, params: Any = None) -> Any: ...
    def atomic(self) -> AbstractContextManager[Any]: ...


class EpochRow(NamedTuple):
    """The row, and which server returned it."""

    epoch: str
    status: str
    redis: str
    """`run_id/master_replid` of the one Redis process that holds this epoch."""
    server: str
    """`start time/timeline` of the primary that opened it: a restart of the primary ends an epoch too."""
    current_server: str
    """The same of the server that returned the row."""

    @property
    def accepts_marks(self) -> bool:
        """Whether writers set marks under this epoch."""
        return self.status != CLOSED and self.server == self.current_server

    @property
    def is_open(self) -> bool:
        """Whether readers may trust the marks of this epoch."""
        return self.status == OPEN and self.server == self.current_server


COLUMNS = f"epoch, status, redis, server, {SERVER}"


def table(name: str) -> str:
    return f'"{name}".{TABLE}'


def create(database: Database, name: str) -> None:
    """Create the table and its row, closed, where they are missing; the schema must exist."""
    if table_exists(database, name, TABLE):
        return
    with database.atomic():
        database.execute_sql(
            f"CREATE TABLE {table(name)} ("
            "singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), "
            "epoch uuid NOT NULL DEFAULT gen_random_uuid(), "
            f"status text NOT NULL DEFAULT '{CLOSED}' CHECK (status IN ('{CLOSED}', '{OPENING}', '{OPEN}')), "
            "redis text NOT NULL DEFAULT '', "
            "server text NOT NULL DEFAULT '')"
        )
        database.execute_sql(f"INSERT INTO {table(name)} DEFAULT VALUES")


def read(database: Database) -> EpochRow:
    """Return the current row; raise Peewee's errors, also if the server is not a primary."""
    return EpochRow(*fetch_row(database, database.execute_sql(f"SELECT {COLUMNS} FROM {table(database.name)}")))


def fetch_row(database: Database, cursor: Any) -> tuple[Any, ...]:
    """Return the row of a cursor on the table; raise `ProgrammingError` if it was deleted."""
    found = cursor.fetchone()
    if found is None:
        raise peewee.ProgrammingError(f"{table(database.name)} has no row: insert one (DEFAULT VALUES)")
    return tuple(found)


def closing(name: str) -> str:
    """Return the statement that closes the epoch."""
    return f"UPDATE {table(name)} SET status = '{CLOSED}' WHERE status <> '{CLOSED}'"


def close(database: Database) -> None:
    """Close the epoch, in the current transaction if there is one."""
    database.execute_sql(DeclaredSQL(closing(database.name)))


def begin_opening(database: Database, closed: str, redis: str) -> bool:
    """Replace the closed epoch by a new one that is opening; return False if another process was faster."""
    change = f"epoch = %s, status = '{OPENING}', redis = %s, server = {SERVER} WHERE epoch = %s AND status = '{CLOSED}'"
    return _update(database, change, (str(uuid.uuid4()), redis, closed))


def wait_until_leases_end(database: Database) -> None:
    """Return when no process has a lease on the closed epoch; at once if none was ever open."""
    if read(database).redis:
        time.sleep(ENDED)


def barrier(database: Database) -> str:
    """Return a transaction id newer than that of any transaction that may have read an earlier row."""
    return str(database.execute_sql("SELECT pg_current_xact_id()").fetchone()[0])


def barrier_passed(database: Database, xid: str) -> bool:
    """Return whether every transaction before the barrier has ended."""
    oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
    return bool(database.execute_sql(oldest, (xid,)).fetchone()[0])


def finish_opening(database: Database, epoch: str) -> bool:
    """Open the epoch; return whether it still was opening on this server."""
    change = f"status = '{OPEN}' WHERE epoch = %s AND status = '{OPENING}' AND server = {SERVER}"
    return _update(database, change, (epoch,))


def position(database: Database) -> str:
    """Return a position that covers every commit so far."""
    return to_position(database.execute_sql("SELECT pg_current_wal_insert_lsn()").fetchone()[0])


def position_of_ended(database: Database, epoch: str, token: str) -> str | None:
    """Return a position that covers the ended transaction of a token; None if it has not ended, or in another epoch."""
    over = "true" if token.startswith("r") else "coalesce(pg_xact_status(%s::xid8), '') <> 'in progress'"
    found = database.execute_sql(
        f"SELECT pg_current_wal_insert_lsn() FROM {table(database.name)} "
        f"WHERE epoch = %s AND server = {SERVER} AND {over}",
        (epoch,) if token.startswith("r") else (epoch, token),
    ).fetchone()
    return to_position(found[0]) if found else None


def to_position(lsn: str) -> str:
    """Return an LSN as a position: sixteen hexadecimal digits, which sort as text."""
    high, _, low = lsn.partition("/")
    return f"{int(high, 16):08X}{int(low, 16):08X}"


def to_lsn(position: str) -> str:
    """Return a position as PostgreSQL writes an LSN."""
    return f"{position[:8]}/{position[8:]}"


def _update(database: Database, change: str, values: tuple[str, ...]) -> bool:
    # DeclaredSQL: no mark depends on the epoch row.
    cursor = database.execute_sql(DeclaredSQL(f"UPDATE {table(database.name)} SET {change}"), values)
    return bool(cursor.rowcount == 1)
