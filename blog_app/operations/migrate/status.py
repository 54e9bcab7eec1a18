"""What is applied and what is pending; only reads, and works through a pooler too."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import peewee

from blog_app.operations.migrate import files, history


@dataclass(frozen=True)
class Line:
    """One migration in the answer to "what is the state?"."""

    name: str
    migrated_at: datetime | None
    file_exists: bool = True
    steps: tuple[history.Step, ...] = ()
    """Of a migration that stopped half-way."""


def lines(database: peewee.PostgresqlDatabase, name: str, folder: Path | None = None) -> list[Line]:
    """Return files and history in one list: the files in order, then what the history has and no file explains."""
    done = history.applied(database, name)
    migrations = [migration.name for migration in files.read(name, folder)]
    found = []
    for migration in migrations:
        steps = () if migration in done else tuple(history.steps(database, name, migration).values())
        found.append(Line(migration, done.get(migration), steps=steps))
    return found + [Line(gone, at, file_exists=False) for gone, at in done.items() if gone not in migrations]


def pending(database: peewee.PostgresqlDatabase, name: str, folder: Path | None = None) -> list[str]:
    """Return the names of the migrations that `up` would apply."""
    done = history.applied(database, name)
    return [migration.name for migration in files.read(name, folder) if migration.name not in done]
