"""SQLSTATEs: the error codes of PostgreSQL that this project handles, by the names of PostgreSQL's manual (appendix A).

Two digits are a class of codes: compare with `startswith`.
"""

from __future__ import annotations

CONNECTION_EXCEPTION = "08"
READ_ONLY_SQL_TRANSACTION = "25006"
DEADLOCK_DETECTED = "40P01"
INSUFFICIENT_PRIVILEGE = "42501"
UNDEFINED_TABLE = "42P01"
CONFIGURATION_LIMIT_EXCEEDED = "53400"
PROGRAM_LIMIT_EXCEEDED = "54"
OBJECT_NOT_IN_PREREQUISITE_STATE = "55000"
LOCK_NOT_AVAILABLE = "55P03"
QUERY_CANCELED = "57014"
ADMIN_SHUTDOWN = "57P01"
CRASH_SHUTDOWN = "57P02"
CANNOT_CONNECT_NOW = "57P03"
LOGICAL_DATABASE_MOVING = "57M01"
"""Our own code, in the class of operator interventions: a move fences this server (`operations.move`)."""

CONNECTION_LOST = (CONNECTION_EXCEPTION, ADMIN_SHUTDOWN, CRASH_SHUTDOWN, CANNOT_CONNECT_NOW)
"""The connection broke, or the server shuts down or starts."""


def sqlstate(error: BaseException | None) -> str:
    """Return the SQLSTATE of an error that Peewee wrapped; empty if it did not come from a server."""
    return getattr(getattr(error, "orig", None), "pgcode", None) or ""
