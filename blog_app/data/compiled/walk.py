"""The walk over a query's tree, which separates the values of a query from its shape.

Parts that many queries share are walked once: `Columns`, and `Reusable` conditions and joins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import peewee

MAX_SHAPES = 2_000
SCALARS = frozenset({str, int, float, bool, bytes, Decimal, UUID, datetime, date})


class UnknownNode(Exception):
    """The walk met a node whose SQL it does not know."""


class Walk:
    """One walk over a query's tree: `key` is its shape, `values` its values from left to right."""

    __slots__ = ("key", "pins", "values")

    def __init__(self, query: peewee.Node) -> None:
        self.key: list[Any] = []
        self.values: list[Any] = []
        self.pins: list[Any] = []
        self.node(query)

    def node(self, node: Any) -> None:
        """Walk one part of the tree: a node, or a value."""
        kind = type(node)
        handler = HANDLERS.get(kind)
        if handler is None:
            handler = HANDLERS[kind] = _handler_for(kind)
        if handler is PIN:
            self.key.append(id(node))
            self.pins.append(node)
        else:
            self.key.append(kind)
            handler(self, node)

    def pin(self, thing: Any) -> None:
        """Key a long-lived object by its id."""
        self.key.append(id(thing))
        self.pins.append(thing)

    def bound(self, value: Any) -> None:
        self.values.append(value)

    def expression(self, node: peewee.Expression) -> None:
        self.key.append(node.op)
        self.key.append(node.flat)
        self.node(node.lhs)
        self.node(node.rhs)

    def value(self, node: peewee.Value) -> None:
        if node.multi:
            raise UnknownNode
        # A bound method is a new object at each access; its object and its function are not.
        self.pin(getattr(node.converter, "__self__", None))
        self.pin(getattr(node.converter, "__func__", node.converter))
        self.key.append(VALUE)
        self.values.append(node.value)

    def raw_sql(self, node: peewee.SQL) -> None:
        self.key.append(node.sql)
        self.sequence(node.params or ())

    def select(self, node: peewee.ModelSelect) -> None:
        """Walk the parts of a plain SELECT in the order of its SQL; anything more is unknown."""
        if node._cte_list or node._windows or node._lateral or node._alias or node._distinct or node._simple_distinct:
            raise UnknownNode
        for part in (node._returning, node._from_list, node._where, node._group_by, node._having, node._order_by):
            self.node(part)
        for part in (node._limit, node._offset, node._for_update):
            self.node(part)

    def insert(self, node: peewee.ModelInsert) -> None:
        """Walk an INSERT of one row, or of several rows with the same columns."""
        rows = [node._insert] if isinstance(node._insert, dict) else node._insert
        if node._cte_list or node._columns or not isinstance(rows, list):
            raise UnknownNode
        self.pin(node.table)
        for row in rows:
            self.assignments({getattr(node.table, k) if isinstance(k, str) else k: v for k, v in row.items()})
        self.node(node._on_conflict)
        self.node(node._returning)

    def update(self, node: peewee.ModelUpdate) -> None:
        if node._cte_list or node._from:
            raise UnknownNode
        self.pin(node.table)
        self.assignments(node._update)
        self.node(node._where)
        self.node(node._returning)

    def delete(self, node: peewee.ModelDelete) -> None:
        if node._cte_list:
            raise UnknownNode
        self.pin(node.table)
        self.node(node._where)
        self.node(node._returning)

    def assignments(self, values: dict[peewee.Field, Any]) -> None:
        """Walk columns and their new values, in the order of Peewee's SQL."""
        columns, places = _in_order(values)
        self.pin(columns)
        given = list(values.values())
        for place in places:
            value = given[place]
            if isinstance(value, peewee.Node) and not isinstance(value, peewee.Model):
                self.node(value)
            else:
                self.key.append(VALUE)
                self.values.append(value)

    def sequence(self, parts: Any) -> None:
        self.key.append(len(parts))
        for part in parts:
            self.node(part)

    def nothing(self, _: None) -> None:
        """None is part of the shape: `IS NULL` is not `= value`."""

    def reusable(self, node: Reusable) -> None:
        """Take the values of an earlier walk; the node itself is the key."""
        self.pin(node)
        self.values += node.values

    def structure(self, node: Any) -> None:
        """Walk a node whose scalar attributes all belong to the shape."""
        for name, attribute in vars(node).items():
            self.key.append(name)
            if type(attribute) in SCALARS:
                self.key.append(attribute)
            else:
                self.node(attribute)


class Reusable(peewee.WrappedNode):
    """A condition or join that many queries share, with its values: it is walked once.

    Raise `TypeError` for a value that is a date or time: it would never change again.
    """

    def __init__(self, node: peewee.Node) -> None:
        super().__init__(node)
        self.values = Walk(node).values
        if any(isinstance(value, date) for value in self.values):
            raise TypeError("a reusable condition must not hold a date or time: use the database's now()")

    def __sql__(self, ctx: Any) -> Any:
        return ctx.sql(self.node)


def reusable(query: peewee.ModelSelect) -> peewee.ModelSelect:
    """Return a copy of `query` for many uses, its condition `Reusable` unless it holds an unknown node."""
    found = query.clone()
    if query._where is not None:
        with suppress(UnknownNode):
            found._where = Reusable(query._where)
    return found


class Columns(tuple[Any, ...]):
    """Columns without values that many queries select: the walk keys them by one id."""

    __slots__ = ()


def reusable_columns(nodes: Iterable[Any]) -> tuple[Any, ...]:
    """Return nodes to select, as `Columns` if they hold no value."""
    found = tuple(nodes)
    try:
        return found if Walk(found).values else Columns(found)
    except UnknownNode:
        return found


_orders: dict[tuple[int, ...], tuple[Columns, tuple[int, ...]]] = {}


def _in_order(fields: Collection[peewee.Field]) -> tuple[Columns, tuple[int, ...]]:
    """Return fields in the order of Peewee's SQL, and the place of each before; the same objects each time."""
    key = tuple(map(id, fields))  # The dictionary keeps the fields alive, so no other object has their ids.
    found = _orders.get(key)
    if found is None:
        if len(_orders) >= MAX_SHAPES:
            _orders.clear()
        try:
            ordered = sorted(enumerate(fields), key=lambda each: each[1]._sort_key)
        except AttributeError as error:
            raise UnknownNode from error
        found = _orders[key] = Columns(field for _, field in ordered), tuple(place for place, _ in ordered)
    return found


PIN = Walk.pin
VALUE = object()
LONG_LIVED = (Columns, peewee.Field, peewee.Table, peewee.ModelBase, peewee.ModelAlias)
"""Objects made once, at import, with the same SQL in every query; an alias of a single query never repeats."""
STRUCTURES = (
    peewee.Function,
    peewee.Ordering,
    peewee.NodeList,
    peewee.Negated,
    peewee.Join,
    peewee.Cast,
    peewee.Alias,
    peewee.Case,
    peewee._InFunction,
    peewee.ForUpdate,
    peewee.OnConflict,
)
HANDLERS: dict[type, Callable[[Walk, Any], None]] = {
    type(None): Walk.nothing,
    list: Walk.sequence,
    tuple: Walk.sequence,
    peewee.Expression: Walk.expression,
    peewee.StringExpression: Walk.expression,
    Reusable: Walk.reusable,
    peewee.Value: Walk.value,
    peewee.SQL: Walk.raw_sql,
    peewee.ModelSelect: Walk.select,
    peewee.ModelInsert: Walk.insert,
    peewee.ModelUpdate: Walk.update,
    peewee.ModelDelete: Walk.delete,
}


def _handler_for(kind: type) -> Callable[[Walk, Any], None]:
    if kind in SCALARS or isinstance(kind, peewee.ModelBase):
        return Walk.bound
    if issubclass(kind, LONG_LIVED):
        return Walk.pin
    return Walk.structure if issubclass(kind, STRUCTURES) else _unknown


def _unknown(walk: Walk, node: Any) -> None:
    raise UnknownNode
