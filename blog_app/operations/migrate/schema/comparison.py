"""Compares two schemas; each difference is a sentence that names the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from blog_app.operations.migrate.catalog import Schema, Table

PARTS = {
    "columns": "column",
    "constraints": "constraint",
    "indexes": "index",
    "triggers": "trigger",
    "partitioning": "partitioning",
    "properties": "property",
    "definition": "definition",
}


def compare(ours: Schema, theirs: Schema, us: str, them: str) -> list[str]:
    """Return the differences; `us` and `them` name the two sides (`the models`, `the database`)."""
    found = []
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            found.append(f"{ours[name].kind} {name}: absent in {them}")
        elif name not in ours:
            found.append(f"{theirs[name].kind} {name}: absent in {us}")
        elif ours[name].kind != theirs[name].kind:
            found.append(f"{name}: a {ours[name].kind} in {us}, a {theirs[name].kind} in {them}")
        else:
            found += _compare_parts(name, ours[name], theirs[name], us, them)
    return found


def compare_models(wanted: Schema, actual: Schema, models: Sequence[Any], us: str, them: str) -> list[str]:
    """Compare as `compare`, but only what models describe, and without their unused columns.

    `class Meta: unused_columns = ("old_name",)` is for the release between the one that stops using a column and the
    one that drops it.
    """
    unused = {model._meta.table_name: getattr(model._meta, "unused_columns", ()) for model in models}
    seen = described_by_models(actual)
    for name, table in seen.items():
        columns = {key: column for key, column in table.columns.items() if key not in unused.get(name, ())}
        seen[name] = replace(table, columns=columns)
    return compare(wanted, seen, us, them)


def described_by_models(schema: Schema) -> Schema:
    """Return what models describe of a schema: the tables without triggers and properties."""
    tables = {name: table for name, table in schema.items() if table.kind == "table"}
    return {name: replace(table, triggers={}, properties={}) for name, table in tables.items()}


def _compare_parts(table: str, ours: Table, theirs: Table, us: str, them: str) -> Iterator[str]:
    for part, kind in PARTS.items():
        mine, other = getattr(ours, part), getattr(theirs, part)
        for name in sorted(mine.keys() | other.keys()):
            here, there = mine.get(name), other.get(name)
            if here != there:
                yield f"{kind} {table}.{name}: {here or 'absent'} in {us}, {there or 'absent'} in {them}"
