"""The record of a move: whether a logical database is being moved to another server (`blog_app.operations.move`).

Its schema must not change then. The record is one row on each of the two servers, outside the schema that moves.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from blog_app.data.databases.catalog import table_exists

SCHEMA, TABLE = "blog_app_moves", "places"
PLACES = f"{SCHEMA}.{TABLE}"
SERVING = "serving"
"""The standing of the server that takes writes."""
GONE = "gone"
"""The standing of the source after a confirmed move: this word is all that is left of it there."""


class Move(NamedTuple):
    """What this server says of the move."""

    standing: str
    source: str
    target: str
    begun: Any
    """The date."""


def exists(database: Any) -> bool:
    """Return whether a logical database was ever moved from or to this physical database."""
    return table_exists(database, SCHEMA, TABLE)


def find_move(database: Any, name: str) -> Move | None:
    """Return the move of `name` that this physical database records, also one that is over; None if there is none."""
    if not exists(database):
        return None
    query = f"SELECT standing, source, target, begun_at::date FROM {PLACES} WHERE name = %s"  # noqa: S608
    row = database.execute_sql(query, (name,)).fetchone()
    return Move(*row) if row else None
