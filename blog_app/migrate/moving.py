"""Migrations must not run while their logical database moves to another server, nor where it has moved away from."""

from __future__ import annotations

import peewee

from blog_app.databases import moves
from blog_app.migrate import MigrationError


def refuse(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database is being moved from or to here, or has been moved away."""
    move = moves.of(database, name)
    if move is None:
        return
    if move.standing == moves.GONE:
        raise MigrationError(
            f"{name} was moved from here to {move.target} ({move.begun}): let {name.upper()}_DATABASE_URL and "
            f"{name.upper()}_DIRECT_URL lead there"
        )
    raise MigrationError(
        f"{name} is being moved to {move.target} (begun {move.begun}): its schema must stay as it is until the move is "
        f"confirmed (flask databases move {name} --confirm) or taken back (--abort, --back). See flask databases"
    )
