"""The status of the migrations of one logical database: applied or pending. Reads only, also through a pooler."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import peewee

from blog_app.operations.migrate import files, history


@dataclass(frozen=True)
class MigrationStatus:
    """One migration, by its file or by its row in the history."""

    name: str
    migrated_at: datetime | None
    file_exists: bool = True
    steps: tuple[history.StepProgress, ...] = ()
    """Of a migration that stopped half-way."""


def list_all(database: peewee.PostgresqlDatabase, name: str, folder: Path | None = None) -> list[MigrationStatus]:
    """Return the migrations in the order of their files, then those that are applied and have no file."""
    applied = history.applied(database, name)
    found = []
    for migration in files.read(name, folder):
        at = applied.pop(migration.name, None)
        steps = () if at else tuple(history.begun_steps(database, name, migration.name).values())
        found.append(MigrationStatus(migration.name, at, steps=steps))
    return found + [MigrationStatus(gone, at, file_exists=False) for gone, at in applied.items()]
