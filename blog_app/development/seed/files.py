"""Reads seed files: which there are, the rows in them, and where each row stands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import product
from pathlib import Path
from typing import Any

import peewee

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.data.models import Base
from blog_app.development.seed import SeedError
from blog_app.development.seed.values import TEXT

FOLDER = ROOT / "seed_data"
KNOWN_BY = ("slug", "email", "title", "name", "id")
"""How a message names a row."""


@dataclass(frozen=True)
class Place:
    """Where a row was written, for messages."""

    path: Path
    number: int
    row: dict[str, Any]

    def error(self, message: str, field: str | None = None) -> SeedError:
        """Return the error that names this place and, where there is one, the field."""
        name = next((f" ({self.row[key]})" for key in KNOWN_BY if isinstance(self.row.get(key), str)), "")
        place = f"{self.path.parent.name}/{self.path.name}, row {self.number}{name}"
        return SeedError(f"{place}: {f'{field!r} ' if field else ''}{message}")


def check_names(folder: Path = FOLDER) -> None:
    """Raise `SeedError` if a folder is named after no logical database."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name not in DATABASE_NAMES:
            raise SeedError(
                f"{path.name}/: there is no logical database of this name, only {', '.join(DATABASE_NAMES)}"
            )


def tables(name: str, models: Sequence[type[Base]], folder: Path = FOLDER) -> list[tuple[type[Base], Path]]:
    """Return the models that have a seed file, those that others refer to first.

    Raises `SeedError` on a file without a table, and on files that refer to each other in a circle.
    """
    paths = {path.stem: path for path in sorted((folder / name).glob("*.json"))}
    by_table = {model._meta.table_name: model for model in models}
    for table in sorted(paths.keys() - by_table.keys()):
        raise SeedError(f"{name}/{table}.json: {name} has no such table (it has: {', '.join(by_table) or 'none'})")
    graph = {}
    for table in (each for each in by_table if each in paths):
        meta = by_table[table]._meta
        needed = [*(key.rel_model for key in meta.refs), *(meta.depends_on or ())]
        foreign = {model._meta.table_name for model in needed}
        # What plain columns refer to is said in the rows alone.
        named = re.findall(rf'"{name}\.(\w+)/', paths[table].read_text(encoding="utf-8", errors="replace"))
        graph[table] = sorted({*foreign, *named} & paths.keys() - {table})
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise SeedError(f"{name}: these files refer to each other in a circle: {', '.join(error.args[1])}") from None
    return [(by_table[table], paths[table]) for table in order]


def rows(path: Path, model: type[Base]) -> Iterator[Place]:
    """Yield the rows of a file; a list for a foreign key stands for a row each."""
    where = f"{path.parent.name}/{path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SeedError(f"{where} is not JSON: {error}") from None
    if not isinstance(document, list):
        raise SeedError(f"{where} must be a list of rows")
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise Place(path, number, {}).error("must be an object of fields and values")
        listed = [name for name, value in row.items() if isinstance(value, list) and _is_foreign_key(model, name)]
        for values in product(*(row[name] for name in listed)):
            yield Place(path, number, {**row, **dict(zip(listed, values, strict=True))})


def _is_foreign_key(model: type[Base], name: str) -> bool:
    return isinstance(model._meta.fields.get(name), peewee.ForeignKeyField)


def beside(place: Place, field: peewee.Field, value: Any) -> Any:
    """Return what is in the file that a value names, as `{"file": …}`, for a column of text or of bytes; any other
    value as it is."""
    is_text = isinstance(field, TEXT)
    if not ((is_text or isinstance(field, peewee.BlobField)) and isinstance(value, dict) and set(value) == {"file"}):
        return value
    folder = place.path.parent.resolve()
    path = (folder / str(value["file"])).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"names a file outside of {folder.name}/")
    try:
        return path.read_text(encoding="utf-8").strip() if is_text else path.read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"names {value['file']}, which cannot be read: {error}") from None
