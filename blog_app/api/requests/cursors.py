"""Keyset pagination: a page begins after (or before) a row, so every page costs the same, however deep it is.

A cursor holds the sort it belongs to, the direction, and the sort values of the row at the page's edge. It is opaque
to clients, and validated, not signed: a forged one can only ask for what its owner may list anyway.

NULL sorts as PostgreSQL sorts it, as the largest value, so that plain indexes serve both directions.
"""

from __future__ import annotations

import operator
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import marshmallow
import orjson
import peewee
from marshmallow import fields as ma_fields

from blog_app.api.requests.conditions import parse
from blog_app.errors import BadRequest, bad_parameter


@dataclass(frozen=True)
class SortKey:
    """One key of an order."""

    name: str
    descending: bool
    column: Any = field(compare=False)  # Peewee columns answer == with SQL.
    parser: ma_fields.Field[Any] = field(compare=False)

    def ordering(self, *, reverse: bool) -> peewee.Ordering:
        """Return the term for ORDER BY."""
        return self.column.desc() if self.descending != reverse else self.column.asc()

    @property
    def nullable(self) -> bool:
        return bool(getattr(self.column, "null", True))


@dataclass(frozen=True)
class Cursor:
    """The edge of a page: the values of the sort keys there, and which side of it is wanted."""

    values: tuple[Any, ...]
    backwards: bool = False


def encode(keys: Sequence[SortKey], values: Sequence[Any], *, backwards: bool) -> str:
    """Return the opaque text of a cursor."""
    document = [_signature(keys), int(backwards), *values]
    return urlsafe_b64encode(orjson.dumps(document, default=str)).rstrip(b"=").decode()


def decode(text: str, keys: Sequence[SortKey]) -> Cursor:
    """Return the cursor that `text` stands for; raise `BadRequest` unless it belongs to this order."""
    try:
        signature, backwards, *values = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if signature != _signature(keys) or backwards not in (0, 1) or len(values) != len(keys):
            raise _bad_cursor()
        parsed = tuple(_typed(key, value) for key, value in zip(keys, values, strict=True))
    except (ValueError, TypeError, AttributeError, marshmallow.ValidationError) as error:
        raise _bad_cursor() from error
    return Cursor(parsed, bool(backwards))


def beyond(keys: Sequence[SortKey], cursor: Cursor) -> peewee.Expression:
    """Return the condition for the rows on the wanted side of the cursor."""
    ways = [key.descending != cursor.backwards for key in keys]
    if len(set(ways)) == 1 and not any(_needs_null_rule(*each) for each in zip(keys, ways, cursor.values, strict=True)):
        # One row comparison is one range of an index; PostgreSQL does not see that in the spelled-out form.
        columns = peewee.EnclosedNodeList([key.column for key in keys])
        values = peewee.EnclosedNodeList([_bound(*pair) for pair in zip(keys, cursor.values, strict=True)])
        row = peewee.Expression(columns, "<" if ways[0] else ">", values)
        if len(keys) == 1:
            return row
        # Of two conditions that the scan of an index could begin at, such as this row and `published_at <= now()`,
        # PostgreSQL does not always take the nearer one; of two plain ones on its first column it does.
        column, value = keys[0].column, cursor.values[0]
        return (column <= value if ways[0] else column >= value) & row
    alternatives = []
    same: list[peewee.Expression] = []
    for key, down, value in zip(keys, ways, cursor.values, strict=True):
        further = _further(key, down, value)
        if further is not None:
            alternatives.append(reduce(operator.and_, [*same, further]))
        same.append(key.column.is_null() if value is None else key.column == value)
    return reduce(operator.or_, alternatives)


def _needs_null_rule(key: SortKey, down: bool, value: Any) -> bool:
    return key.nullable and (value is None or not down)


def _further(key: SortKey, down: bool, value: Any) -> peewee.Expression | None:
    if value is None:
        return key.column.is_null(False) if down else None
    if down:
        return key.column < value
    return (key.column > value) | key.column.is_null() if key.nullable else key.column > value


def _typed(key: SortKey, value: Any) -> Any:
    if value is None:
        if not key.nullable:
            raise _bad_cursor()
        return None
    return parse(key.parser, str(value))


def _bound(key: SortKey, value: Any) -> peewee.Value:
    return peewee.Value(value, converter=getattr(key.column, "db_value", None))


def _signature(keys: Sequence[SortKey]) -> str:
    return ",".join(("-" if key.descending else "") + key.name for key in keys)


def _bad_cursor() -> BadRequest:
    return bad_parameter("cursor", "take it unchanged from a page of the same list with the same sort.")
