"""The write path: every transaction of a logical database, from BEGIN to the response.

1. BEGIN, an xid, and then, in a later statement of the same message, the epoch's row. READ COMMITTED only: under
   another level the row would be older than the xid, so such a transaction counts as unmarked.
2. The statements; `databases` collects the written collections.
3. The xid as a token on the mark of each collection. If that fails in any way, the write is *unmarked*.
4. Unmarked: the epoch is closed, in this transaction, as the last statement that writes anything. Not if it was closed
   at BEGIN: the next epoch opens only when this transaction is over, and would be closed again for nothing.
5. COMMIT, in one message with the pipelined writes before it, and the position that covers it after it.
6. Marked: that position replaces the token. Unmarked, or nothing was written and the epoch is closed (a retry
   acknowledges what an earlier attempt wrote): wait until no lease on the closed epoch is left.

A transaction that wrote nothing sends nothing to Redis. Nothing here raises after a COMMIT that took effect.
"""

from __future__ import annotations

import logging
from typing import Any, NamedTuple

import peewee
import psycopg2
import psycopg2.extensions

from blog_app.data.databases import Server
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.epochs import CLOSED, EpochRow
from blog_app.data.watermarks.leases import LeaseManager, mark_key
from blog_app.data.watermarks.redis_link import RedisUnreachable

log = logging.getLogger(__name__)

MAX_ROWS = 100
"""A transaction that writes more rows of a table marks `table/*` instead."""
READ_COMMITTED = psycopg2.extensions.ISOLATION_LEVEL_READ_COMMITTED


class Begun(NamedTuple):
    """The result of BEGIN."""

    xid: str
    row: EpochRow
    is_read_committed: bool
    """Whether the isolation level is READ COMMITTED, so that each statement sees the newest row."""

    @property
    def waited_for(self) -> bool:
        """Whether the epoch was closed, so that the next one opens only after this transaction."""
        return self.row.status == CLOSED and self.is_read_committed


class Announcer:
    """Announces the writes of one logical database."""

    def __init__(self, lease_manager: LeaseManager, name: str) -> None:
        self.lease_manager = lease_manager
        self.name = name
        self._close_statement = f"{epochs.closing(name)}; ".encode()
        self._row_query = f"SELECT pg_current_xact_id(), {epochs.COLUMNS} FROM {epochs.table(name)}"
        self._commit_query = (
            f"COMMIT; SELECT pg_current_wal_insert_lsn(), pg_xact_status(%s), epoch, status FROM {epochs.table(name)}"
        )

    def begin(self, server: Server, isolation_level: Any) -> Begun:
        level = server._adapter.isolation_level_str(isolation_level or READ_COMMITTED)
        with peewee.__exception_wrapper__:
            cursor = server.cursor()
            try:
                cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT pg_current_xact_id(); {self._row_query}")
                xid, *row = epochs.fetch_row(server, cursor)
            except (psycopg2.ProgrammingError, peewee.ProgrammingError):
                cursor.execute("ROLLBACK")
                raise
        return Begun(xid, EpochRow(*row), level.upper() == "READ COMMITTED")

    def commit(self, server: Server, begun: Begun, written: frozenset[str], last: bytes) -> None:
        keys = self._keys(begun, written)
        marked = bool(keys) and self._mark(begun, keys)
        if keys and not marked and not begun.waited_for:
            last += self._close_statement
        position, epoch, status = self._commit(server, begun, last)
        if marked:
            self._settle(begun, keys, position)
        elif status == CLOSED:
            self.lease_manager.wait_until_closed(self.name, epoch)

    def _mark(self, begun: Begun, keys: list[str]) -> bool:
        if not (begun.row.accepts_marks and begun.is_read_committed):
            return False
        try:
            self.lease_manager.link.script(begun.row.redis, "BEGIN", keys, begun.xid)
        except RedisUnreachable as error:
            log.warning("a write to %s is unmarked, its epoch closes: %s", self.name, error)
            return False
        return True

    def _commit(self, server: Server, begun: Begun, last: bytes) -> tuple[str, str, str]:
        """Return the position that covers the commit, and the epoch and its status after it."""
        with peewee.__exception_wrapper__:
            cursor = server.cursor()
            cursor.execute(last + cursor.mogrify(self._commit_query, (begun.xid,)))
            position, outcome, epoch, status = cursor.fetchone()
        if outcome != "committed":
            # PostgreSQL answers COMMIT of a failed transaction with ROLLBACK, and no error.
            raise peewee.InternalError("the transaction had failed, so COMMIT rolled it back")
        return epochs.to_position(position), epoch, status

    def _settle(self, begun: Begun, keys: list[str], position: str) -> None:
        try:
            self.lease_manager.settle(begun.row, keys, begun.xid, position, begun.xid)
        except RedisUnreachable as error:
            log.warning("a mark of %s keeps its token for now: %s", self.name, error)

    def _keys(self, begun: Begun, written: frozenset[str]) -> list[str]:
        """Return the mark keys of the written collections; more than `MAX_ROWS` rows of a table become its `*`."""
        rows: dict[str, list[str]] = {}
        for collection in written:
            rows.setdefault(collection.partition("/")[0], []).append(collection)
        chosen: list[str] = []
        for table, collections in rows.items():
            chosen += collections if len(collections) <= MAX_ROWS + 1 else [table, f"{table}/*"]
        prefix, epoch = self.lease_manager.link.prefix, begun.row.epoch
        return [mark_key(prefix, self.name, epoch, collection) for collection in sorted(chosen)]
