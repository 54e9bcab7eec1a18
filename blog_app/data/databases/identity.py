"""Whether a server can serve a logical database: its version, and whether a pooler leads to the right database.

The pooler of another deployment may accept the same login, so an answer alone proves nothing.

Guarantee: `require_same` returns only if both addresses lead to one physical database, or to the two servers of a move,
where the direct URL names the server that the logical database leaves until somebody changes it.
"""

from __future__ import annotations

import peewee

from blog_app.config import ConfigurationError
from blog_app.data.databases.move_record import GONE, find_move
from blog_app.data.databases.servers import Server

# No two servers start in the same microsecond.
FINGERPRINT = "SELECT current_database() || '/' || extract(epoch FROM pg_postmaster_start_time())"


MIN_VERSION = 15
"""The oldest PostgreSQL: migrations use `regexp_count`, which is new in it."""


class UnsupportedVersion(ConfigurationError):
    """PostgreSQL is too old."""


class WrongDatabase(ConfigurationError):
    """The pooler leads to another database than the direct URL."""


def require_version(server: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `UnsupportedVersion` if the server of an open connection is older than `MIN_VERSION`."""
    major, minor = divmod(int(server.server_version), 10_000)
    if major < MIN_VERSION:
        raise UnsupportedVersion(f"{name} is on PostgreSQL {major}.{minor}; this app needs {MIN_VERSION} or newer")


def fingerprint(server: Server) -> str:
    """Return what identifies the physical database behind this address, until its server restarts."""
    return str(server.execute_sql(FINGERPRINT).fetchone()[0])


def require_same(pooled: Server, direct: Server) -> None:
    """Raise `WrongDatabase` if two addresses of a logical database lead to different databases."""
    # Twice: the server may restart between the two statements.
    if all(fingerprint(pooled) != fingerprint(direct) for _ in range(2)) and not _moved(pooled, direct):
        prefix = pooled.name.upper()
        raise WrongDatabase(
            f"{pooled.name}: {prefix}_DATABASE_URL (or DATABASE_URL) leads to another database than "
            f"{prefix}_DIRECT_URL (or DIRECT_URL). If it names a pooler, that is another deployment's, or out of date"
        )


def _moved(pooled: Server, direct: Server) -> bool:
    """Return whether the logical database moves between the two, or has left the server of the direct URL for good."""
    here, there = find_move(direct, direct.name), find_move(pooled, pooled.name)
    if here is None or here.standing == GONE:
        return here is not None
    return there is not None and here._replace(standing="") == there._replace(standing="")
