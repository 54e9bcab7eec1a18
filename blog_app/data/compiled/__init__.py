"""The SQL of a query, compiled once for each shape.

Peewee turns a query into SQL anew each time, which costs more than PostgreSQL needs to answer a small one. Here the
query's tree is walked instead (`walk`), into a key that holds everything but its values; a key that is known gives the
SQL, and the values, converted as Peewee would, are its parameters.

Guarantee: what comes out is what Peewee would have made. The key holds every attribute of every node that is not
certainly a value; at the first compilation the values found by the walk must be exactly those that Peewee bound, in the
same order, or the shape is never served from here. Nodes that nothing is known about are compiled by Peewee each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import peewee

from blog_app.data.compiled.walk import MAX_SHAPES, Lasting, UnknownNode, Walk, columns, lasting

__all__ = ["Lasting", "columns", "is_known", "lasting", "peewees_sql", "sql_of"]

Converter = Callable[[Any], Any]


class Shape(NamedTuple):
    """A compiled shape of a query."""

    sql: str
    converters: tuple[Converter | None, ...]
    pins: tuple[Any, ...]
    """The objects whose identities are in the key: while they live, no other object has the same."""

    def bind(self, values: list[Any]) -> tuple[str, list[Any]]:
        """Return the SQL with these values, converted, as its parameters."""
        pairs = zip(self.converters, values, strict=True)
        return self.sql, [convert(value) if convert else value for convert, value in pairs]


class RecordingContext(peewee.Context):
    """A compilation that remembers each bound value before its conversion, and the conversion."""

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


_shapes: dict[tuple[Any, ...], Shape | None] = {}


def sql_of(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
    """Return the SQL of `query` and its parameters."""
    try:
        walk = Walk(query)
    except UnknownNode:
        return peewees_sql(database, query)
    key = tuple(walk.key)
    shape = _shapes.get(key)
    return shape.bind(walk.values) if shape else _compile(database, query, key, walk)


def peewees_sql(database: peewee.Database, query: peewee.Node) -> tuple[str, list[Any]]:
    """Return the SQL and the parameters as Peewee makes them."""
    sql, parameters = peewee.Context(**database.get_context_options()).sql(query).query()
    return sql, parameters


def is_known(query: peewee.Node) -> bool:
    """Tell whether `sql_of` would serve this query without Peewee."""
    try:
        return _shapes.get(tuple(Walk(query).key)) is not None
    except UnknownNode:
        return False


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
        _shapes[key] = Shape(sql, converters, tuple(walk.pins)) if same else None
    return sql, parameters
