"""Whether a logical database is being moved to another server (`blog_app.operations.move`).

Its tables must stay as they are then.

The record of a move is one row at each of its two places, outside the schema that moves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

SCHEMA, TABLE = "blog_app_moves", "places"
PLACES = f"{SCHEMA}.{TABLE}"
SERVING = "serving"
"""How a place stands that takes writes."""
GONE = "gone"
"""How a place stands that was moved away from and confirmed: nothing of the move is left but this word."""


class Move(NamedTuple):
    """What this place says of the move."""

    standing: str
    source: str
    target: str
    begun: Any
    """The day."""


def exists(database: Any) -> bool:
    """Return whether anything was ever moved from or to this physical database."""
    found = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = %s)"
    return bool(database.execute_sql(found, (SCHEMA, TABLE)).fetchone()[0])


def of(database: Any, name: str) -> Move | None:
    """Return what this physical database says of a move of `name`, also of one that is over; None if nothing."""
    if not exists(database):
        return None
    query = f"SELECT standing, source, target, begun_at::date FROM {PLACES} WHERE name = %s"  # noqa: S608
    row = database.execute_sql(query, (name,)).fetchone()
    return Move(*row) if row else None
