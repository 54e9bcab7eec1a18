"""The connection of a migration run: straight to the primary, never replaced, holding the run's advisory lock.

Guarantees:

* It is refused when a pooler stands in between: a session's lock and settings would be lost there.
* One run at a time and logical database. Who waits for the lock holds no snapshot meanwhile, so the holder can
  build an index concurrently, which waits for all older snapshots.
* A lost connection ends the run: the lock went with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import peewee

from blog_app.config import Settings
from blog_app.databases import CONNECTION_ERRORS, DatabaseAway, Server, first_line
from blog_app.migrate import MigrationError

Say = Callable[[str], None]
LOCK_CLASS = 0x626C6F67  # "blog": the first half of the advisory lock's key; the second is the name's hash.
LOCK_POLL = 0.25
DIRECT_MARK = "blog_app.direct"


class Connection(Server):
    """A direct connection to the primary of one logical database."""

    def __init__(self, settings: Settings, name: str, say: Say, url: str | None = None) -> None:
        super().__init__(
            name,
            url or settings.databases[name].direct_url,
            connect_timeout=settings.connect_timeout,
            statement_timeout=0,
        )
        self.say = say
        self.connect_params["application_name"] = f"blog_app migrate {name}"
        # A setting that reaches the server only without a pooler in between: those refuse or drop start-up options.
        self.connect_params["options"] = f"{self.connect_params.get('options', '')} -c {DIRECT_MARK}=yes".strip()

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        try:
            return peewee.PostgresqlDatabase.execute_sql(self, sql, params)
        except CONNECTION_ERRORS as error:
            if not self._lost():
                raise
            raise DatabaseAway(f"the connection to {self.name} was lost: {first_line(error)}") from error

    def begin(self, isolation_level: Any = None) -> None:
        peewee.PostgresqlDatabase.begin(self, isolation_level)

    def value(self, sql: str, params: Any = None) -> Any:
        """Return the first column of the first row."""
        return self.execute_sql(sql, params).fetchone()[0]


@contextmanager
def connected(settings: Settings, name: str, say: Say, url: str | None = None) -> Iterator[Connection]:
    """Yield a direct connection; raise `MigrationError` when it leads through a pooler."""
    connection = Connection(settings, name, say, url)
    connection.connect()
    connection.autoconnect = False
    try:
        if connection.value("SELECT current_setting(%s, true)", (DIRECT_MARK,)) != "yes":
            variable = f"{name.upper()}_DIRECT_URL"
            raise MigrationError(
                f"{name} is reached through a pooler, which loses the lock that keeps two runs apart: "
                f"set {variable} (or DIRECT_URL) to the address of PostgreSQL itself"
            )
        yield connection
    finally:
        connection.discard()


@contextmanager
def run_lock(connection: Connection) -> Iterator[None]:
    """Hold the advisory lock of this logical database; wait for another run to finish, and say who that is."""
    key = (LOCK_CLASS, connection.name)
    told = False
    while not connection.value("SELECT pg_try_advisory_lock(%s, hashtext(%s))", key):
        if not told:
            connection.say(f"{connection.name}: waiting for another run to finish ({_holder(connection)})")
            told = True
        time.sleep(LOCK_POLL)
    try:
        yield
    finally:
        if not connection._lost():
            connection.execute_sql("SELECT pg_advisory_unlock(%s, hashtext(%s))", key)


def _holder(connection: Connection) -> str:
    row = connection.execute_sql(
        "SELECT a.pid, a.application_name, date_trunc('second', now() - a.backend_start) "
        "FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database() "
        "AND l.classid = %s AND l.objid = hashtext(%s)::oid",
        (LOCK_CLASS, connection.name),
    ).fetchone()
    return f"pid {row[0]}, {row[1]}, connected for {row[2]}" if row else "it just ended"
