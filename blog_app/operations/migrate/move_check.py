"""Refuses migrations while a logical database moves to another server, and everything where it does not live."""

from __future__ import annotations

import peewee

from blog_app.data.databases import move_record
from blog_app.operations.migrate import MigrationError


def refuse_during_move(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database is being moved, from or to here."""
    refuse_if_elsewhere(database, name)
    if move := move_record.find_move(database, name):
        raise MigrationError(
            f"{name} is being moved to {move.target} (begun {move.begun}), so its schema cannot change. Finish the "
            f"move (flask databases move {name} --confirm) or roll it back (--abort, --back) first. See flask databases"
        )


def refuse_if_elsewhere(database: peewee.PostgresqlDatabase, name: str) -> None:
    """Raise `MigrationError` if a logical database moves, or has moved, and this server does not serve it."""
    move = move_record.find_move(database, name)
    if move and move.standing != move_record.SERVING:
        raise MigrationError(
            f"{name} is not here: it is being moved, or was moved, from {move.source} to {move.target} (begun "
            f"{move.begun}). Set {name.upper()}_DATABASE_URL and {name.upper()}_DIRECT_URL to where it is now. See "
            "flask databases"
        )
