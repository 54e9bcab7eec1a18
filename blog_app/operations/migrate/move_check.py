"""No migration runs while its logical database moves to another server, and nothing where it has moved away from."""

from __future__ import annotations

import peewee

from blog_app.data.databases import move_record
from blog_app.operations.migrate import MigrationError


def refuse(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database is being moved, from or to here."""
    refuse_elsewhere(database, name)
    if move := move_record.find_move(database, name):
        raise MigrationError(
            f"{name} is being moved to {move.target} (begun {move.begun}): its schema must stay as it is until that is "
            f"confirmed (flask databases move {name} --confirm) or taken back (--abort, --back). See flask databases"
        )


def refuse_elsewhere(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database moves, or has moved, and this is not the place where it serves."""
    move = move_record.find_move(database, name)
    if move and move.standing != move_record.SERVING:
        raise MigrationError(
            f"{name} is not here: it moves, or was moved, from {move.source} to {move.target} (begun {move.begun}). "
            f"Let {name.upper()}_DATABASE_URL and {name.upper()}_DIRECT_URL lead where it is (see flask databases)"
        )
