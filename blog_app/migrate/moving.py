"""What migrations must know of a logical database that moves to another server (`blog_app.move`): they must not run.

The record of a move is one row at each of its two places, outside the schema that moves.
"""

from __future__ import annotations

import peewee

from blog_app.migrate import MigrationError

SCHEMA, TABLE = "blog_app_moves", "places"
PLACES = f"{SCHEMA}.{TABLE}"
GONE = "gone"
"""How a place stands that was moved away from and confirmed: nothing of the move is left but this word."""


def exists(database: peewee.PostgresqlDatabase) -> bool:
    """Return whether anything was ever moved from or to this physical database."""
    found = "SELECT EXISTS (SELECT FROM pg_catalog.pg_tables WHERE schemaname = %s AND tablename = %s)"
    return bool(database.execute_sql(found, (SCHEMA, TABLE)).fetchone()[0])


def refuse(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database is being moved from or to here, or has been moved away."""
    if not exists(database):
        return
    query = f"SELECT standing, target, begun_at::date FROM {PLACES} WHERE name = %s"  # noqa: S608
    row = database.execute_sql(query, (name,)).fetchone()
    if row is None:
        return
    standing, target, begun = row
    if standing == GONE:
        raise MigrationError(
            f"{name} was moved from here to {target} ({begun}): let {name.upper()}_DATABASE_URL and "
            f"{name.upper()}_DIRECT_URL lead there"
        )
    raise MigrationError(
        f"{name} is being moved to {target} (begun {begun}): its schema must stay as it is until the move is confirmed "
        f"(flask databases move {name} --confirm) or taken back (--abort, --back). `flask databases` says how it stands"
    )
