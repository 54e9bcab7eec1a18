"""The logical databases: configuration, connections, transactions, read routing, behaviour when one is unreachable.

Guarantees:

* A model says `database = databases.blog`, `schema = "blog"`; configuration says which server that is.
* A thread has one persistent connection per logical database and never pings it. A broken connection is replaced;
  a read outside a transaction, and a BEGIN, are then repeated once. Everything else fails with
  `peewee.OperationalError`, which becomes a 503: a write is never sent twice.
* While a server is unreachable, statements fail at once (`circuit_breaker`), except in a transaction that has begun.
* Nothing here belongs to a server session (no SET, no session lock, no LISTEN), so a transaction-mode pooler may
  stand in between. The statement timeout comes from the pooler's `connect_query`, or, on a direct connection,
  from the connection's own options. A server that does not answer at all is given up 2 s later (`watchdog`).
* A write outside `atomic()` runs in a transaction of its own. A pipelined write (`pipeline`, `Record.save`) goes in one
  message with the next statement, which fails if the write fails.
* Each transaction knows its written collections (see `dependencies`); raw SQL that writes must declare them by
  `declare_write()`. The `announcer` (the watermarks) learns of them.
* Everything goes to the primary, except reads outside transactions that the watermarks route to a replica; a request
  that has written reads the primary from then on.

servers        one address: connections, transactions, pipelined statements
dependencies   the collections that a statement writes or reads
identity       whether the server is new enough, and a pooler leads to the right database
routing        the read routes of this request
replicas       the replicas and their health checks
polling        waiting for psycopg2 with a deadline
watchdog       ends waits for a database that does not answer
catalog        catalog queries: whether a table exists
move_record    whether a logical database is being moved to another server
sqlstates      PostgreSQL's error codes
sql_log        the SQL log of development
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import Any

import orjson
import peewee
import psycopg2
import psycopg2.extensions
import psycopg2.extras
from flask import Flask

from blog_app.config import DATABASE_NAMES, DatabaseSettings, Settings
from blog_app.data.backoff import retry
from blog_app.data.circuit_breaker import CircuitBreaker
from blog_app.data.compiled import compile_sql
from blog_app.data.databases import dependencies, identity, routing
from blog_app.data.databases.dependencies import UndeclaredWrite
from blog_app.data.databases.identity import WrongDatabase
from blog_app.data.databases.replicas import Rotation
from blog_app.data.databases.servers import (
    CONNECTION_ERRORS,
    DATABASE_ERRORS,
    DatabaseUnreachable,
    Server,
    TransactionLost,
    answer,
    first_line,
)

__all__ = [
    "CONNECTION_ERRORS",
    "DATABASE_ERRORS",
    "DatabaseUnreachable",
    "Server",
    "TransactionLost",
    "UndeclaredWrite",
    "WrongDatabase",
    "first_line",
]

log = logging.getLogger(__name__)

# libpq sends it as a start-up parameter that PgBouncer tracks for each client: times are UTC behind any pooler.
os.environ["PGTZ"] = "UTC"
psycopg2.extras.register_default_jsonb(globally=True, loads=orjson.loads)
# Identifiers leave the driver as text, which is what JSON wants; Peewee's UUIDField still makes UUIDs for models.
_uuid_text = psycopg2.extensions.new_type((2950,), "UUID_TEXT", psycopg2.extensions.UNICODE)
psycopg2.extensions.register_type(_uuid_text)
psycopg2.extensions.register_type(psycopg2.extensions.new_array_type((2951,), "UUID_TEXT[]", _uuid_text))


class LogicalDatabase(peewee.DatabaseProxy):
    """A logical database, which models name before its server is known."""

    __setattr__ = object.__setattr__  # Proxy refuses attributes of its own.
    name: str
    settings: DatabaseSettings
    rotation: Rotation
    """Its replicas."""
    verified = ""
    """The fingerprint of the physical database that the direct URL confirmed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def execute(self, query: peewee.Node) -> Any:
        """Run a Peewee query; a read takes the route of this request."""
        route = routing.read_route(self.name)
        if route is None or self.obj.in_transaction() or dependencies.written_by_query(query):
            return self.obj.execute(query)
        return route.read(*compile_sql(self.obj, query))

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        """Run a statement; a read takes the route of this request."""
        route = routing.read_route(self.name)
        if route is None or self.obj.in_transaction() or dependencies.is_write(sql):
            return self.obj.execute_sql(sql, params)
        return route.read(sql, params)

    def savepoint(self) -> Any:
        """Return the server's own savepoint; the proxy would make a plain one."""
        return self.obj.savepoint()

    def verify(self, settings: Settings) -> None:
        """Raise `WrongDatabase` if requests reach another database than the one that the direct URL names.

        It connects directly only when what answers has changed. If the direct URL does not answer, nothing is verified.
        """
        if self.settings.url == self.settings.direct_url:
            return
        found = identity.fingerprint(self.obj)
        if found == self.verified:
            return
        direct = server(settings, self.name, self.settings.direct_url)
        try:
            identity.require_same(self.obj, direct)
        except CONNECTION_ERRORS as error:
            log.warning("%s cannot be verified: %s", self.name, first_line(error))
        else:
            self.verified = found
        finally:
            direct.discard()

    def release(self) -> None:
        """Release this thread's connections, for its next request."""
        self.obj.release()
        self.rotation.release()


ALL = tuple(LogicalDatabase(name) for name in DATABASE_NAMES)
BY_NAME = {database.name: database for database in ALL}
accounts, blog, shop, files, analytics = ALL


def init_app(app: Flask) -> None:
    """Bind the logical databases to the servers of the app's settings."""
    bind(app.config["SETTINGS"])

    @app.teardown_appcontext
    def release_connections(_: BaseException | None) -> None:
        release()


def release() -> None:
    """Release this thread's connections, at the end of a request or command."""
    for database in ALL:
        database.release()


def bind(settings: Settings) -> None:
    """Point every logical database at its server; nothing connects yet."""
    for name, database in BY_NAME.items():
        if database.obj is not None:
            database.rotation.stop()
            database.obj.breaker.stop()
        database.settings = settings.databases[name]
        database.verified = ""
        primary = server(settings, name, database.settings.url)
        primary.breaker = CircuitBreaker(
            name, partial(answer, primary.url, settings.connect_timeout), (psycopg2.Error, OSError)
        )
        primary.breaker.on_open = partial(probe_all, silence_opens=True)  # They often share a server.
        database.initialize(primary)
        database.rotation = Rotation(settings, name, primary)


def probe_all(*, silence_opens: bool = False) -> None:
    """Begin to probe the servers of all logical databases; see `CircuitBreaker.suspect`."""
    for database in ALL:
        database.obj.breaker.suspect(silence_opens=silence_opens)


def answering(deadline: float) -> set[str]:
    """Return the names of the logical databases whose servers answer a probe before a monotonic `deadline`."""
    return {each.name for each in ALL if each.obj.breaker.is_answering(max(0.0, deadline - time.monotonic()))}


def server(settings: Settings, name: str, url: str) -> Server:
    """Return a new `Server` of the logical database `name` at `url`, with the timeouts of the settings."""
    return Server(
        name,
        url,
        connect_timeout=settings.connect_timeout,
        statement_timeout=settings.statement_timeout,
        sql_log=settings.sql_log,
    )


def wait_until_available(settings: Settings) -> None:
    """Return once every logical database answers; raise `DatabaseUnreachable` after `start_tries` tries.

    Raises `WrongDatabase` if requests would reach another database than the one that the direct URL names, and
    `UnsupportedVersion` if PostgreSQL is too old.
    """
    for name in DATABASE_NAMES:
        retry(
            partial(require_answer, settings, name),
            DatabaseUnreachable,
            lambda error, seconds: log.warning("%s; next try in %.2g s", error, seconds),
            tries=settings.start_tries,
            first=settings.start_pause / 8,
            longest=settings.start_pause,
        )


def require_answer(settings: Settings, name: str) -> None:
    """Return if a logical database answers, by both addresses.

    Raises `DatabaseUnreachable`, `UnsupportedVersion` or `WrongDatabase`.
    """
    addresses = settings.databases[name]
    pooled, direct = server(settings, name, addresses.url), server(settings, name, addresses.direct_url)
    try:
        pooled.execute_sql("SELECT 1")  # A pooler accepts connections also while its server is unreachable.
        identity.require_version(pooled, name)
        if addresses.url != addresses.direct_url:
            identity.require_same(pooled, direct)
    finally:
        pooled.discard()
        direct.discard()
