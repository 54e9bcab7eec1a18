"""The epoch of a logical database: one row on its primary, and the statements that read and change it.

Whatever is in Redis belongs to an epoch, and counts only while that epoch's row says `open`. The row also reaches the
replicas, through the write-ahead log. `UPDATE … SET status = 'closed'` from any client resets everything.
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
HERE = (
    "extract(epoch FROM pg_postmaster_start_time())::text || '/' || "
    "left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
)


class Database(Protocol):
    """A way to the primary of a logical database: a `Server` of the app, or a migration's own connection."""

    name: str

    def execute_sql(self, sql: str, params: Any = None) -> Any: ...
    def atomic(self) -> AbstractContextManager[Any]: ...


class Row(NamedTuple):
    """What the row said, and which server said it."""

    epoch: str
    status: str
    redis: str
    """`run_id/master_replid` of the one Redis process that this epoch lives in."""
    server: str
    """`start time/timeline` of the primary on which it was opened: a restart of the primary ends an epoch too."""
    here: str
    """The same of the server that answered."""

    @property
    def marks(self) -> bool:
        """Whether writers mark under this epoch."""
        return self.status != CLOSED and self.server == self.here

    @property
    def open(self) -> bool:
        """Whether readers may trust what is marked under it."""
        return self.status == OPEN and self.server == self.here


COLUMNS = f"epoch, status, redis, server, {HERE}"


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


def read(database: Database) -> Row:
    """Return the row as the primary has it now; raise Peewee's errors, also when it is no primary."""
    return Row(*the_row(database, database.execute_sql(f"SELECT {COLUMNS} FROM {table(database.name)}")))


def the_row(database: Database, cursor: Any) -> tuple[Any, ...]:
    """Return the one row of a cursor on the table; raise `ProgrammingError` if somebody deleted it."""
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
    """Make a new epoch in the place of the closed one; return whether nobody else was faster."""
    values = (str(uuid.uuid4()), redis, closed)
    return _update(
        database,
        f"epoch = %s, status = '{OPENING}', redis = %s, server = {HERE} WHERE epoch = %s AND status = '{CLOSED}'",
        values,
    )


def wait_out(database: Database) -> None:
    """Return when nobody trusts an epoch that is closed by now; at once where none was ever open."""
    if read(database).redis:
        time.sleep(ENDED)


def barrier(database: Database) -> str:
    """Return a transaction id newer than that of any transaction that may have read an earlier row."""
    return str(database.execute_sql("SELECT pg_current_xact_id()").fetchone()[0])


def passed(database: Database, xid: str) -> bool:
    """Tell whether every transaction before the barrier is over."""
    oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot()) >= %s::xid8"
    return bool(database.execute_sql(oldest, (xid,)).fetchone()[0])


def finish_opening(database: Database, epoch: str) -> bool:
    """Open the epoch; return whether it still was opening, here."""
    change = f"status = '{OPEN}' WHERE epoch = %s AND status = '{OPENING}' AND server = {HERE}"
    return _update(database, change, (epoch,))


def position(database: Database) -> str:
    """Return a position that covers everything that is committed by now."""
    return digits(database.execute_sql("SELECT pg_current_wal_insert_lsn()").fetchone()[0])


def position_of_ended(database: Database, epoch: str, token: str) -> str | None:
    """Return a position that covers what a token stands for; None while that is not over, or the epoch is not ours."""
    over = "true" if token.startswith("r") else "coalesce(pg_xact_status(%s::xid8), '') <> 'in progress'"
    found = database.execute_sql(
        f"SELECT pg_current_wal_insert_lsn() FROM {table(database.name)} "
        f"WHERE epoch = %s AND server = {HERE} AND {over}",
        (epoch,) if token.startswith("r") else (epoch, token),
    ).fetchone()
    return digits(found[0]) if found else None


def digits(lsn: str) -> str:
    """Return a position as sixteen digits, which sort as text."""
    high, _, low = lsn.partition("/")
    return f"{int(high, 16):08X}{int(low, 16):08X}"


def lsn(position: str) -> str:
    """Return sixteen digits as PostgreSQL writes a position."""
    return f"{position[:8]}/{position[8:]}"


def _update(database: Database, change: str, values: tuple[Any, ...] = ()) -> bool:
    # DeclaredSQL: no mark depends on the epoch row.
    cursor = database.execute_sql(DeclaredSQL(f"UPDATE {table(database.name)} SET {change}"), values)
    return bool(cursor.rowcount == 1)
