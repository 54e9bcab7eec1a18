"""Differences between two schemas, each in one sentence that names the object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from blog_app.migrate.catalog import Schema, Table

PARTS = {"columns": "column", "constraints": "constraint", "indexes": "index", "triggers": "trigger"}


def compare(ours: Schema, theirs: Schema, us: str, them: str) -> list[str]:
    """Return what differs; `us` and `them` name the two sides (`the models`, `the database`)."""
    return [*_tables(ours, theirs, us, them)]


def _tables(ours: Schema, theirs: Schema, us: str, them: str) -> Iterator[str]:
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in theirs:
            yield f"table {name}: {us} have it, {them} do not"
        elif name not in ours:
            yield f"table {name}: {them} have it, {us} do not"
        else:
            yield from _parts(name, ours[name], theirs[name], us, them)


def _parts(table: str, ours: Table, theirs: Table, us: str, them: str) -> Iterator[str]:
    for part in fields(Table):
        kind = PARTS[part.name]
        mine, other = getattr(ours, part.name), getattr(theirs, part.name)
        for name in sorted(mine.keys() | other.keys()):
            here, there = mine.get(name), other.get(name)
            if here != there:
                said = [value or "there is none" for value in (here, there)]
                yield f"{kind} {table}.{name}: {us} say {said[0]}; {them} say {said[1]}"
