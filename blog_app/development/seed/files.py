"""Seed files: which tables have one, in which order they are loaded, and the rows in them."""

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
LABEL_FIELDS = ("slug", "email", "title", "name", "id")
"""Fields by which an error message names a row."""


@dataclass(frozen=True)
class SeedRow:
    """A row of a seed file, with its place for error messages."""

    path: Path
    number: int
    values: dict[str, Any]

    def error(self, message: str, field: str | None = None) -> SeedError:
        """Return an error that names the file, the row and, if given, the field."""
        name = next((f" ({self.values[key]})" for key in LABEL_FIELDS if isinstance(self.values.get(key), str)), "")
        place = f"{self.path.parent.name}/{self.path.name}, row {self.number}{name}"
        return SeedError(f"{place}: {f'{field!r} ' if field else ''}{message}")


def check_folders(folder: Path = FOLDER) -> None:
    """Raise `SeedError` if a folder does not have the name of a logical database."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and path.name not in DATABASE_NAMES:
            raise SeedError(
                f"{path.name}/: there is no logical database of this name, only {', '.join(DATABASE_NAMES)}"
            )


def models_with_files(name: str, models: Sequence[type[Base]], folder: Path = FOLDER) -> list[tuple[type[Base], Path]]:
    """Return the models that have a seed file, with its path, in the order of their references.

    Raises `SeedError` for a file without a table, and for files that refer to each other in a circle.
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
        # Only the rows say what plain columns refer to.
        named = re.findall(rf'"{name}\.(\w+)/', paths[table].read_text(encoding="utf-8", errors="replace"))
        graph[table] = sorted({*foreign, *named} & paths.keys() - {table})
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise SeedError(f"{name}: these files refer to each other in a circle: {', '.join(error.args[1])}") from None
    return [(by_table[table], paths[table]) for table in order]


def read_rows(path: Path, model: type[Base]) -> Iterator[SeedRow]:
    """Yield the rows of a file; a list for a foreign key becomes one row for each element."""
    where = f"{path.parent.name}/{path.name}"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SeedError(f"{where} is not JSON: {error}") from None
    if not isinstance(document, list):
        raise SeedError(f"{where} must be a list of rows")
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise SeedRow(path, number, {}).error("must be an object of fields and values")
        listed = [name for name, value in row.items() if isinstance(value, list) and _is_foreign_key(model, name)]
        for values in product(*(row[name] for name in listed)):
            yield SeedRow(path, number, {**row, **dict(zip(listed, values, strict=True))})


def _is_foreign_key(model: type[Base], name: str) -> bool:
    return isinstance(model._meta.fields.get(name), peewee.ForeignKeyField)


def file_content(seed_row: SeedRow, field: peewee.Field, value: Any) -> Any:
    """Return the content of the file that a value `{"file": …}` of a text or bytes column names; else the value."""
    is_text = isinstance(field, TEXT)
    if not ((is_text or isinstance(field, peewee.BlobField)) and isinstance(value, dict) and set(value) == {"file"}):
        return value
    folder = seed_row.path.parent.resolve()
    path = (folder / str(value["file"])).resolve()
    if not path.is_relative_to(folder):
        raise ValueError(f"names a file outside of {folder.name}/")
    try:
        return path.read_text(encoding="utf-8").strip() if is_text else path.read_bytes()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"names {value['file']}, which cannot be read: {error}") from None
