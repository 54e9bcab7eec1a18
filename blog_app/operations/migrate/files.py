"""The migration files of one logical database: which there are, in which order, and what one says.

A file is `NUMBER_name.py`. The number orders it, whatever its width (`1000_x` follows `999_y`); gaps are fine.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from blog_app.config import ROOT
from blog_app.operations.migrate import MigrationError

FOLDER = ROOT / "migrations"
FILE_NAME = re.compile(r"(\d+)_\w+\.py")


@dataclass(frozen=True)
class Migration:
    """One migration file; its code runs when a property is first read."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name.partition("_")[0])

    @cached_property
    def scope(self) -> dict[str, Any]:
        scope: dict[str, Any] = {"__name__": self.name, "__file__": str(self.path)}
        try:
            exec(compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True), scope)  # noqa: S102
        except (Exception, SystemExit) as error:
            raise MigrationError(f"{self.path} is broken: {type(error).__name__}: {error}") from error
        return scope

    @property
    def migrate(self) -> Callable[..., None]:
        """The function that applies it; raise `MigrationError` when the file has none."""
        return self._function("migrate")

    @property
    def rollback(self) -> Callable[..., None]:
        """The function that takes it back; raise `MigrationError` when the file has none."""
        return self._function("rollback")

    @property
    def atomic(self) -> bool:
        """Whether it runs in one transaction; a file says `atomic = False` to run statement by statement."""
        return bool(self.scope.get("atomic", True))

    @property
    def statement_timeout(self) -> float | None:
        """Seconds that one of its statements may take, when the file says so."""
        return self.scope.get("statement_timeout")

    @property
    def safe(self) -> dict[str, str]:
        """Which findings of the lint are no danger here, each with the reason: `safe = {"ban-drop-column": "…"}`."""
        safe = self.scope.get("safe", {})
        if not isinstance(safe, dict) or not all(
            isinstance(reason, str) and reason.strip() for reason in safe.values()
        ):
            raise MigrationError(f'{self.path}: safe must be like {{"rule": "the reason why it is safe here"}}')
        return safe

    def _function(self, name: str) -> Callable[..., None]:
        function = self.scope.get(name)
        if not callable(function):
            raise MigrationError(f"{self.path} has no function {name}(migrator, database, *, fake=False)")
        return function


def read(name: str, folder: Path | None = None) -> list[Migration]:
    """Return the migrations of a logical database in their order; raise `MigrationError` for a file named otherwise."""
    found = []
    for path in ((folder or FOLDER) / name).glob("*.py"):
        if path.name.startswith("_"):
            continue
        if not FILE_NAME.fullmatch(path.name):
            raise MigrationError(f"{path} is no migration: its name must be NUMBER_words.py, such as 001_initial.py")
        found.append(Migration(path))
    return sorted(found, key=lambda migration: (migration.number, migration.name))


def refuse_shared_numbers(migrations: Collection[Migration], applied: Collection[str]) -> None:
    """Raise `MigrationError` when two files have one number, with a way out: two branches both took it."""
    by_number = defaultdict(list)
    for migration in migrations:
        by_number[migration.number].append(migration)
    for number, rivals in by_number.items():
        if len(rivals) == 1:
            continue
        free = max(by_number) + 1
        listed = ", ".join(
            f"{rival.name} ({'applied' if rival.name in applied else 'not applied'})" for rival in rivals
        )
        movable = [rival for rival in rivals if rival.name not in applied] or rivals
        raise MigrationError(
            f"{rivals[0].path.parent} has {len(rivals)} migrations with number {number}: {listed}. Two branches took "
            "it, and nothing says which runs first. Rename the one that must run later and is not yet applied "
            f"anywhere, for example {movable[-1].path.name} to {free:03}_{movable[-1].path.name.partition('_')[2]}"
        )


def find(migrations: Collection[Migration], wanted: str, where: str) -> Migration:
    """Return the migration with this name or number; raise `MigrationError` that lists the known names."""
    for migration in migrations:
        if wanted == migration.name or (wanted.isdecimal() and int(wanted) == migration.number):
            return migration
    known = ", ".join(migration.name for migration in migrations) or "none"
    raise MigrationError(f"{where} has no migration {wanted!r}; there are: {known}")


def next_path(name: str, title: str, folder: Path | None = None) -> Path:
    """Return the path of a new migration: its number is the highest there is, plus one."""
    words = re.sub(r"\W+", "_", title).strip("_").lower()
    if not words:
        raise MigrationError(f"{title!r} makes no file name; use words such as 'add subtitle to posts'")
    number = max((migration.number for migration in read(name, folder)), default=0) + 1
    return (folder or FOLDER) / name / f"{number:03}_{words}.py"
