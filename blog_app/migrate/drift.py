"""Differences between two schemas, each in one sentence that names the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from blog_app.migrate.catalog import Schema, Table

PARTS = {
    "columns": "column",
    "constraints": "constraint",
    "indexes": "index",
    "triggers": "trigger",
    "partitioning": "partitioning",
}


def compare(ours: Schema, theirs: Schema, us: str, them: str) -> list[str]:
    """Return what differs; `us` and `them` name the two sides (`the models`, `the database`)."""
    return [*_tables(ours, theirs, us, them)]


def compare_models(wanted: Schema, actual: Schema, models: Sequence[Any], us: str, them: str) -> list[str]:
    """The same for what models describe: they know no triggers, and may say which columns no code uses any more.

    `class Meta: unused_columns = ("old_name",)` is for the release between the one that stops using a column and the
    one that drops it.
    """
    unused = {model._meta.table_name: getattr(model._meta, "unused_columns", ()) for model in models}
    seen = {}
    for name, table in actual.items():
        columns = {key: column for key, column in table.columns.items() if key not in unused.get(name, ())}
        seen[name] = replace(table, columns=columns, triggers={})
    return compare(wanted, seen, us, them)


def _tables(ours: Schema, theirs: Schema, us: str, them: str) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            yield f"table {name}: absent in {them}"
        elif name not in ours:
            yield f"table {name}: absent in {us}"
        else:
            yield from _parts(name, ours[name], theirs[name], us, them)


def _parts(table: str, ours: Table, theirs: Table, us: str, them: str) -> Iterator[str]:
    for part in fields(Table):
        kind = PARTS[part.name]
        mine, other = getattr(ours, part.name), getattr(theirs, part.name)
        for name in sorted(mine.keys() | other.keys()):
            here, there = mine.get(name), other.get(name)
            if here != there:
                yield f"{kind} {table}.{name}: {here or 'absent'} in {us}, {there or 'absent'} in {them}"
