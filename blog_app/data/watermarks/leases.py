"""Leases on epochs: this process's knowledge of the epoch rows, renewed by a background thread.

* `lease()` costs nothing while the thread has queried the primary less than T ago; else it queries.
* `wait_until_closed()` delays an unmarked write until no process can have a lease on the closed epoch.
* The thread also opens epochs: after a closed one it begins another, in which writers set marks; once every older
  transaction has ended, readers may trust it. Several openers, or one killed anywhere, do no harm.
* It settles dangling tokens, whose owners died, and deletes the keys of earlier epochs.

The thread starts with the first lease, after any fork, and ends when no lease was wanted for a while.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import peewee

from blog_app.data.background_thread import BackgroundThread
from blog_app.data.backoff import delay
from blog_app.data.databases import CONNECTION_ERRORS, DATABASE_ERRORS, LogicalDatabase, Server, first_line
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.clock import ENDED, LEASE, clock
from blog_app.data.watermarks.epochs import CLOSED, OPEN, OPENING, EpochRow
from blog_app.data.watermarks.redis_link import RedisLink, RedisUnreachable, UnsafeEviction, require_safe_eviction

log = logging.getLogger(__name__)

TICK = 0.4 * LEASE
IDLE = 10.0
TOKEN_AGE = 1.0
BACK = 1.0
"""Seconds within which all processes notice that Redis is back."""
MIN_BACKOFF, MAX_BACKOFF = 1.0, 60.0
MARK_LIFETIME = 7200
MAX_WATCHED_TOKENS = 1000


@dataclass
class EpochState:
    """What this process knows of the epoch of one logical database."""

    row: EpochRow | None = None
    asked: float = float("-inf")
    """When the query was sent that returned `row`."""
    wanted: float = float("-inf")
    """When a lease was last wanted."""
    closed: tuple[str, float] = ("", 0.0)
    """The last epoch seen closed, and since when."""
    barrier: tuple[str, str] = ("", "")
    """The epoch that is opening, and the transaction before which all must have ended."""
    opened: float = float("-inf")
    """Since when the last epoch is known to be open."""
    short_openings: int = 0
    """Epochs in a row that were closed again within `MAX_BACKOFF`."""
    backoff: float = 0.0
    """Seconds for which a closed epoch stays closed: none, unless it had not been open for long."""
    watched_tokens: dict[tuple[str, str], float] = field(default_factory=dict)
    """Tokens of marks, and when each was first seen: an old one may be dangling."""
    error: str = ""
    """The error of the last tick."""

    def update(self, row: EpochRow, sent: float) -> None:
        before, self.row, self.asked = self.row, row, sent
        if row.status == OPEN and (before is None or before.epoch != row.epoch or before.status != OPEN):
            self.opened = clock()
        if row.status != CLOSED:
            return
        if self.closed[0] != row.epoch:
            self.closed = (row.epoch, clock())
        if before is not None and before.status == OPEN:
            self.short_openings = 0 if clock() - self.opened > MAX_BACKOFF else self.short_openings + 1
            has_failed = self.short_openings > 0
            self.backoff = delay(self.short_openings, first=MIN_BACKOFF, longest=MAX_BACKOFF) if has_failed else 0.0


class LeaseManager:
    """The leases of this process on the epochs of all logical databases."""

    def __init__(self, link: RedisLink, databases: Mapping[str, LogicalDatabase]) -> None:
        self.link = link
        self.databases = databases
        self.known = {name: EpochState() for name in databases}
        self._refused = ""
        """The run id of the Redis that is not used because of its eviction policy."""
        self._away = float("-inf")
        """When Redis did not answer the thread for the last time."""
        self._thread = BackgroundThread("watermarks", self._run, after_fork=self._reset)

    def lease(self, name: str) -> EpochRow | None:
        """Return the epoch that this process may trust for T from its last query; None: use the primary, no cache."""
        known = self.known[name]
        known.wanted = clock()
        self._thread.ensure_running()
        if known.wanted - known.asked >= LEASE:
            try:
                self.ask(name)
            except (*CONNECTION_ERRORS, peewee.ProgrammingError) as error:
                log.warning("no lease on %s: %s", name, first_line(error))
                known.row, known.asked = None, known.wanted
        return known.row if known.row is not None and known.row.is_open else None

    def ask(self, name: str) -> EpochRow:
        """Query the primary for the row; raise Peewee's errors."""
        sent = clock()
        row = epochs.read(self.server(name))
        self.known[name].update(row, sent)
        return row

    def wait_until_closed(self, name: str, epoch: str) -> None:
        """Return when no process has a lease on this closed epoch."""
        known = self.known[name]
        if known.closed[0] != epoch:
            known.closed = (epoch, clock())
        while (left := known.closed[1] + ENDED - clock()) > 0 and known.closed[0] == epoch:
            time.sleep(left)

    def watch_tokens(self, name: str, key: str, mark: bytes) -> None:
        """Watch the tokens of a mark, in case their owner died."""
        watched = self.known[name].watched_tokens
        if len(watched) < MAX_WATCHED_TOKENS:
            for token in tokens(mark):
                watched.setdefault((key, token), clock())

    def server(self, name: str) -> Server:
        return self.databases[name].obj

    def stop(self) -> None:
        """End the thread, for good."""
        self._thread.stop()
        self.link.stop()

    def _reset(self) -> None:
        """Begin anew in the child of a fork: the connections are the parent's."""
        self.known = {name: EpochState() for name in self.databases}
        self.link.reset()

    def _run(self) -> None:
        for known in self.known.values():
            known.wanted = clock()  # Closed epochs open now, not with the first write to each, which would wait.
        while not self._thread.stopped.wait(TICK):
            wanted = [name for name, known in self.known.items() if clock() - known.wanted < IDLE]
            if not wanted:
                break
            try:
                run_id = self.link.read_run_id()
            except RedisUnreachable:
                run_id, self._away = None, clock()
            for name in wanted:
                try:
                    self.tick(name, run_id)
                    self.known[name].error = ""
                except UnsafeEviction:
                    pass  # Which is logged.
                except (*DATABASE_ERRORS, RedisUnreachable) as error:
                    self._log_new_error(name, first_line(error))
                self.server(name).release()
        for name in self.known:
            self.server(name).discard()
        self.link.disconnect()

    def _log_new_error(self, name: str, error: str) -> None:
        if self.known[name].error != error:
            self.known[name].error = error
            log.warning("watermarks of %s: %s", name, error)

    def tick(self, name: str, run_id: str | None) -> None:
        """Renew the lease on one logical database, and do its next step; `run_id`: of the Redis that answers now."""
        row = self.ask(name)
        if row.status == CLOSED:
            self._begin_opening(name, row, run_id)
        elif row.server != row.current_server or (run_id is not None and row.redis != run_id):
            epochs.close(self.server(name))
            log.warning("epoch of %s closed: its Redis or its primary has changed", name)
        elif row.status == OPENING:
            self._finish_opening(name, row)
        elif run_id is not None:
            self._settle_dangling_tokens(name, row)

    def _begin_opening(self, name: str, row: EpochRow, run_id: str | None) -> None:
        known = self.known[name]
        if run_id is None or clock() - known.closed[1] < ENDED + known.backoff:
            return
        if clock() - self._away < BACK:  # A write of a process that still does without Redis would close it again.
            return
        self._require_usable_redis(name, run_id)
        if epochs.begin_opening(self.server(name), row.epoch, run_id):
            self._finish_opening(name, self.ask(name))

    def _finish_opening(self, name: str, row: EpochRow) -> None:
        if row.status != OPENING:
            return
        known, server = self.known[name], self.server(name)
        if known.barrier[0] != row.epoch:
            known.barrier = (row.epoch, epochs.barrier(server))
        if epochs.barrier_passed(server, known.barrier[1]) and epochs.finish_opening(server, row.epoch):
            self.ask(name)
            log.info("epoch of %s opened", name)
            self._delete_old_keys(name, row)

    def _require_usable_redis(self, name: str, run_id: str) -> None:
        """Raise `RedisUnreachable` unless Redis accepts marks, and never evicts one that has a token."""
        memory = self.link.call(run_id, "INFO", "memory").decode()
        try:
            require_safe_eviction(dict(line.split(":", 1) for line in memory.splitlines() if ":" in line))
        except UnsafeEviction as error:
            if self._refused != run_id:  # Once, not at every try of every logical database.
                self._refused = run_id
                log.error("Redis is not used, nothing is cached: %s", error)
            raise
        self.link.call(run_id, "SET", f"{self.link.prefix}:{{{name}}}:probe", "1", "EX", "60")

    def _settle_dangling_tokens(self, name: str, row: EpochRow) -> None:
        known = self.known[name]
        for (key, token), since in list(known.watched_tokens.items()):
            if clock() - since < TOKEN_AGE:
                continue
            del known.watched_tokens[key, token]
            if not key.startswith(epoch_prefix(self.link.prefix, name, row.epoch)):
                continue
            mark = self.link.call(row.redis, "GET", key)
            if mark is None or token not in tokens(mark):
                continue
            position = epochs.position_of_ended(self.server(name), row.epoch, token)
            if position is None:
                known.watched_tokens[key, token] = since
            else:
                self.settle(row, [key], token, position, f"h{secrets.token_hex(8)}")

    def settle(self, row: EpochRow, keys: list[str], token: str, position: str, tag: str) -> list[bytes | None]:
        """Remove a token from the marks and return them; raise `RedisUnreachable`."""
        settled = self.link.script(row.redis, "SETTLE", keys, token, position, tag, MARK_LIFETIME)
        return [mark or None for mark in settled]

    def _delete_old_keys(self, name: str, row: EpochRow) -> None:
        """Delete the keys of earlier epochs: they are never read, and marks with a token have no expiry."""
        cursor = None
        all_keys, current = (epoch_prefix(self.link.prefix, name, epoch) for epoch in ("*", row.epoch))
        while cursor != b"0":
            cursor, keys = self.link.call(row.redis, "SCAN", cursor or 0, "MATCH", f"{all_keys}*", "COUNT", 1000)
            old = [key for key in keys if not key.startswith(current.encode())]
            if old:
                self.link.call(row.redis, "UNLINK", *old)


def epoch_prefix(deployment: str, name: str, epoch: str) -> str:
    """Return the prefix of an epoch's keys; `deployment` is the prefix of all keys."""
    return f"{deployment}:{{{name}}}:{epoch}:"


def mark_key(deployment: str, name: str, epoch: str, collection: str) -> str:
    return f"{epoch_prefix(deployment, name, epoch)}mark:{collection}"


def tokens(mark: bytes) -> list[str]:
    """Return the tokens of a mark; none: it is clean."""
    return [token.rstrip(";") for token in mark.decode().split("+")[1:]]
