"""The migration files of one logical database, in their order.

A file is `NUMBER_name.py`. Its number orders it, whatever its width (`1000_x` follows `999_y`); gaps are fine.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from pathlib import Path
from typing import Any

from blog_app.config import ROOT
from blog_app.operations.migrate import MigrationError, app_models

FOLDER = ROOT / "migrations"
FILE_NAME = re.compile(r"(\d+)_\w+\.py")


@dataclass(frozen=True)
class Migration:
    """One migration file; its code runs when one of its properties is first read."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name.partition("_")[0])

    @cached_property
    def namespace(self) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": self.name, "__file__": str(self.path)}
        try:
            exec(compile(self.path.read_bytes(), str(self.path), "exec", dont_inherit=True), namespace)  # noqa: S102
        except (Exception, SystemExit) as error:
            raise MigrationError(f"{self.path} cannot be loaded: {type(error).__name__}: {error}") from error
        return namespace

    @property
    def migrate(self) -> Callable[..., None]:
        """The function that applies it; raise `MigrationError` when the file has none."""
        return self._function("migrate")

    @property
    def rollback(self) -> Callable[..., None]:
        """The function that rolls it back; raise `MigrationError` when the file has none."""
        return self._function("rollback")

    @property
    def atomic(self) -> bool:
        """Whether it runs in one transaction; `atomic = False` in the file runs it step by step."""
        return bool(self.namespace.get("atomic", True))

    @property
    def statement_timeout(self) -> float | None:
        """Seconds that one of its statements may take, if the file sets it."""
        return self.namespace.get("statement_timeout")

    @property
    def safe(self) -> dict[str, str]:
        """The lint rules that the file declares safe, each with its reason: `safe = {"ban-drop-column": "…"}`."""
        safe = self.namespace.get("safe", {})
        if not isinstance(safe, dict) or not all(isinstance(why, str) and why.strip() for why in safe.values()):
            raise MigrationError(f'{self.path}: safe must look like {{"rule": "why it is safe here"}}')
        return safe

    def _function(self, name: str) -> Callable[..., None]:
        function = self.namespace.get(name)
        if not callable(function):
            raise MigrationError(f"{self.path} has no function {name}(migrator, database, *, fake=False)")

        def call(*args: Any, **kwargs: Any) -> None:
            with app_models.refused():
                function(*args, **kwargs)

        return wraps(function)(call)


def read(name: str, folder: Path | None = None) -> list[Migration]:
    """Return the migrations of a logical database in their order; raise `MigrationError` for a misnamed file."""
    found = []
    for path in ((folder or FOLDER) / name).glob("[!_]*.py"):
        if not FILE_NAME.fullmatch(path.name):
            raise MigrationError(f"{path} is not a migration: name it NUMBER_words.py, such as 001_initial.py")
        found.append(Migration(path))
    return sorted(found, key=lambda migration: (migration.number, migration.name))


def pending(migrations: Sequence[Migration], applied: Collection[str]) -> list[Migration]:
    """Return the migrations that are not applied yet."""
    return [migration for migration in migrations if migration.name not in applied]


def refuse_duplicate_numbers(migrations: Collection[Migration], applied: Collection[str]) -> None:
    """Raise `MigrationError`, with a way out, when two files have the same number, as after a merge of two branches."""
    by_number = defaultdict(list)
    for migration in migrations:
        by_number[migration.number].append(migration)
    for number, same in by_number.items():
        if len(same) > 1:
            listed = ", ".join(f"{item.name} ({'' if item.name in applied else 'not '}applied)" for item in same)
            movable = (pending(same, applied) or same)[-1].path
            raise MigrationError(
                f"{movable.parent} has {len(same)} migrations with number {number}: {listed}. Nothing says which runs "
                "first. Rename the one that must run later and is not applied anywhere, for example "
                f"{movable.name} to {max(by_number) + 1:03}_{movable.name.partition('_')[2]}"
            )


def find(migrations: Collection[Migration], wanted: str, where: str) -> Migration:
    """Return the migration with this name or number; raise `MigrationError` that lists the known names."""
    for migration in migrations:
        if wanted == migration.name or (wanted.isdecimal() and int(wanted) == migration.number):
            return migration
    known = ", ".join(migration.name for migration in migrations) or "none"
    raise MigrationError(f"{where} has no migration {wanted!r}. Migrations: {known}")


def next_path(name: str, title: str, folder: Path | None = None) -> Path:
    """Return the path of a new migration: its number is the highest there is, plus one."""
    words = re.sub(r"\W+", "_", title).strip("_").lower()
    if not words:
        raise MigrationError(f"{title!r} makes no file name. Use words, such as 'add subtitle to posts'")
    number = max((migration.number for migration in read(name, folder)), default=0) + 1
    return (folder or FOLDER) / name / f"{number:03}_{words}.py"
