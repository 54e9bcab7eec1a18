"""Nested includes, `include=items.product`, and the fields of what is included, `fields[items.product]=name`.

A path names what is included in what: up to `MAX_DEPTH` levels, where the schema of an included object has includes
itself, and shows the field whose values they are found by. Each path costs at most one statement, for all rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

from blog_app.api.resources.includes import BatchInclude, JoinedInclude
from blog_app.api.resources.schema import Schema, readable_columns

MAX_DEPTH = 3


class IncludePath(NamedTuple):
    """What a path leads to."""

    include: JoinedInclude | BatchInclude
    key: str
    """The field of the including object that the include is found by; empty at the first level."""


@cache
def include_paths(schema: type[Schema]) -> Mapping[str, IncludePath]:
    """Return all paths that `?include=` may name, those of a level before those below it."""
    level = {name: IncludePath(include, "") for name, include in schema.opts.includes.items()}
    found = dict(level)
    for _ in range(MAX_DEPTH - 1):
        level = {
            f"{path}.{name}": IncludePath(include, key)
            for path, (above, _) in level.items()
            for name, include in above.schema.opts.includes.items()
            if (key := _field_of(above.schema, include.key))
        }
        found |= level
    return found


def add_nested(
    schema: type[Schema],
    rows: list[dict[str, Any]],
    nested: tuple[str, ...],
    pruned: tuple[tuple[str, tuple[str, ...]], ...],
) -> None:
    """Add the includes at the `nested` paths to rows that have those above; then leave the `pruned` paths these fields.

    A path follows those above it.
    """
    found: dict[str, list[dict[str, Any]]] = {"": rows}

    def objects_at(path: str) -> list[dict[str, Any]]:
        if path not in found:
            above, _, name = path.rpartition(".")
            values = [row[name] for row in objects_at(above)]
            each = chain.from_iterable(value if isinstance(value, list) else [value] for value in values if value)
            found[path] = list({id(one): one for one in each}.values())  # Rows may share one.
        return found[path]

    for path in nested:
        above, _, name = path.rpartition(".")
        include, key = include_paths(schema)[path]
        objects = objects_at(above)
        include.batch.add(name, objects, [each[key] for each in objects])
    kept = {path: set(fields) for path, fields in pruned}
    for path in nested:
        above, _, name = path.rpartition(".")
        if above in kept:
            kept[above].add(name)
    for path in sorted(kept, reverse=True):  # What is below first: its parents may lose it.
        for each in objects_at(path):
            for name in each.keys() - kept[path]:
                del each[name]


def _field_of(schema: type[Schema], column: Any) -> str:
    """Return the field that shows a column; empty if there is none."""
    if schema.opts.model is None:
        return ""
    return next((name for name, shown in readable_columns(schema).items() if shown is column), "")
