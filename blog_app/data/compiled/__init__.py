"""Compiled SQL: the SQL of a Peewee query is made once for each shape of query, and cached.

A walk over the query's tree (`walk`) builds a key of everything but the values; a known key gives the SQL, and the
values, converted as Peewee would, are its parameters. Parts of queries that are the same each time are walked only once
(`reusable`, `reusable_columns`). What this saves: `docs/decisions/0004-compiled-sql.md`.

Guarantee: the SQL is what Peewee would have made. The key holds every attribute of every node that is not certainly a
value. At the first compilation the values of the walk must be exactly those that Peewee bound, in the same order, or
the shape is never cached. Queries with unknown nodes are compiled by Peewee each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import peewee

from blog_app.data.compiled.walk import MAX_SHAPES, Reusable, UnknownNode, Walk, reusable, reusable_columns

__all__ = ["Reusable", "compile_by_peewee", "compile_sql", "reusable", "reusable_columns"]

Converter = Callable[[Any], Any]


class CompiledShape(NamedTuple):
    """The SQL of a shape of query."""

    sql: str
    converters: tuple[Converter | None, ...]
    pins: tuple[Any, ...]
    """The objects whose ids are in the key: while they live, no other object has the same id."""


class RecordingContext(peewee.Context):
    """A compilation that records each bound value before its conversion, and the converter."""

    __slots__ = ("recorded",)

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.recorded: list[tuple[Any, Converter | None]] = []

    def value(self, value: Any, converter: Any = None, add_param: bool = True) -> Any:
        before = len(self._values)
        result = super().value(value, converter, add_param)
        if len(self._values) == before + 1 and len(self.recorded) == before:
            used = converter if converter is not None else self.state.converter
            self.recorded.append((value, used or None))
        return result


_shapes: dict[tuple[Any, ...], CompiledShape | None] = {}


def compile_sql(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
    """Return the SQL of `query` and its parameters."""
    try:
        walk = Walk(query)
    except UnknownNode:
        return compile_by_peewee(database, query)
    key = tuple(walk.key)
    shape = _shapes.get(key)
    if shape is None:
        return _compile(database, query, key, walk)
    pairs = zip(shape.converters, walk.values, strict=True)
    return shape.sql, [convert(value) if convert else value for convert, value in pairs]


def compile_by_peewee(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
    """Return the SQL of `query` and its parameters, compiled by Peewee."""
    sql, parameters = peewee.Context(**database.get_context_options()).sql(query).query()
    return sql, parameters


def _compile(database: peewee.Database, query: peewee.Node, key: tuple[Any, ...], walk: Walk) -> tuple[str, list[Any]]:
    context = RecordingContext(**database.get_context_options())
    sql, parameters = context.sql(query).query()
    if key not in _shapes:
        if len(_shapes) >= MAX_SHAPES:
            _shapes.clear()
        same = len(context.recorded) == len(parameters) == len(walk.values) and all(
            recorded is walked for (recorded, _), walked in zip(context.recorded, walk.values, strict=True)
        )
        converters = tuple(convert for _, convert in context.recorded)
        _shapes[key] = CompiledShape(sql, converters, tuple(walk.pins)) if same else None
    return sql, parameters
