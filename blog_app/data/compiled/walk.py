"""Walks over the trees of queries: what belongs to a query's shape, and what is a value in it.

What is the same in many queries is walked once: `Columns`, and what is `Lasting`.
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
    """The walk met something whose part in the SQL it does not know."""


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
        """Key something long-lived by its identity."""
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
        # A bound method is a new object at each access; what it is bound to, and to which function, lasts.
        self.pin(getattr(node.converter, "__self__", None))
        self.pin(getattr(node.converter, "__func__", node.converter))
        self.key.append(VALUE)
        self.values.append(node.value)

    def raw_sql(self, node: peewee.SQL) -> None:
        self.key.append(node.sql)
        self.sequence(node.params or ())

    def select(self, node: peewee.ModelSelect) -> None:
        """Walk a plain SELECT in the order in which its parts are written; anything more is unknown."""
        if node._cte_list or node._windows or node._lateral or node._alias or node._distinct or node._simple_distinct:
            raise UnknownNode
        for part in (node._returning, node._from_list, node._where, node._group_by, node._having, node._order_by):
            self.node(part)
        for number in (node._limit, node._offset):
            self.node(number)
        self.node(node._for_update)

    def insert(self, node: peewee.ModelInsert) -> None:
        """Walk an INSERT of one row, or of several rows with the same columns."""
        single = isinstance(node._insert, dict)
        if node._cte_list or node._columns or not (single or isinstance(node._insert, list)):
            raise UnknownNode
        self.pin(node.table)
        if single:
            self.assignments(node._insert)
        else:
            for row in node._insert:
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
        """Walk columns and what they get, in the order in which Peewee writes them."""
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

    def lasting(self, node: Lasting) -> None:
        """Take what was walked before for one node."""
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


class Lasting(peewee.WrappedNode):
    """A part of queries, such as a condition or a join, that is made once and walked once, with the values in it.

    Raise `TypeError` for a value that is a moment: it would stay the same for ever.
    """

    def __init__(self, node: peewee.Node) -> None:
        super().__init__(node)
        self.values = Walk(node).values
        if any(isinstance(value, date) for value in self.values):
            raise TypeError("what lasts must not hold a moment: let the database say what time it is")

    def __sql__(self, ctx: Any) -> Any:
        return ctx.sql(self.node)


def lasting(query: peewee.ModelSelect) -> peewee.ModelSelect:
    """Return `query` for many uses: its condition is `Lasting`, unless it has a part that no walk knows."""
    found = query.clone()
    if query._where is not None:
        with suppress(UnknownNode):
            found._where = Lasting(query._where)
    return found


class Columns(tuple[Any, ...]):
    """Columns that come together again and again, made once: a walk takes them for one part."""

    __slots__ = ()


def columns(nodes: Iterable[Any]) -> tuple[Any, ...]:
    """Return nodes to select, as `Columns` if their SQL is always the same."""
    found = tuple(nodes)
    try:
        return found if Walk(found).values else Columns(found)
    except UnknownNode:
        return found


_orders: dict[tuple[int, ...], tuple[Columns, tuple[int, ...]]] = {}


def _in_order(fields: Collection[peewee.Field]) -> tuple[Columns, tuple[int, ...]]:
    """Return fields in the order in which Peewee writes them, and which place each had; for the same, the same."""
    key = tuple(map(id, fields))  # Who is in the dictionary lives, so nobody else has its identity.
    found = _orders.get(key)
    if found is None:
        if len(_orders) >= MAX_SHAPES:
            _orders.clear()
        ordered = sorted(enumerate(fields), key=lambda each: _sort_key(each[1]))
        found = _orders[key] = Columns(field for _, field in ordered), tuple(place for place, _ in ordered)
    return found


def _sort_key(field: peewee.Field) -> Any:
    try:
        return field._sort_key
    except AttributeError as error:
        raise UnknownNode from error


PIN = Walk.pin
VALUE = object()
LASTING = (Columns, peewee.Field, peewee.Table, peewee.ModelBase, peewee.ModelAlias)
"""What is made once, at import, and means the same in every query; an alias made for one query only never repeats."""
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
    Lasting: Walk.lasting,
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
    if issubclass(kind, LASTING):
        return Walk.pin
    return Walk.structure if issubclass(kind, STRUCTURES) else _unknown


def _unknown(walk: Walk, node: Any) -> None:
    raise UnknownNode
