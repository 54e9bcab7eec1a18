"""Keyset pagination with cursors: a page begins after (or before) a row, so a deep page costs as much as the first.

A cursor holds the sort order, the direction, and the sort values of the first or last row of a page. It is validated,
not signed: a forged one can only ask for what the caller may list anyway.

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

from blog_app.api.requests.filter_parameters import parse_value
from blog_app.errors import BadRequest, bad_parameter


@dataclass(frozen=True)
class SortKey:
    """One term of a sort order."""

    name: str
    descending: bool
    column: Any = field(compare=False)  # == between Peewee columns makes SQL.
    parser: ma_fields.Field[Any] = field(compare=False)

    def ordering(self, *, reverse: bool) -> peewee.Ordering:
        """Return the term for ORDER BY."""
        return self.column.desc() if self.descending != reverse else self.column.asc()

    @property
    def nullable(self) -> bool:
        return bool(getattr(self.column, "null", True))


@dataclass(frozen=True)
class Cursor:
    """The edge of a page: the sort values of the row that it begins after or, if `backwards`, ends before."""

    values: tuple[Any, ...]
    backwards: bool = False


def encode(keys: Sequence[SortKey], values: Sequence[Any], *, backwards: bool) -> str:
    """Return a cursor as opaque text."""
    document = [_signature(keys), int(backwards), *values]
    return urlsafe_b64encode(orjson.dumps(document, default=str)).rstrip(b"=").decode()


def decode(text: str, keys: Sequence[SortKey]) -> Cursor:
    """Return the cursor that `text` encodes; raise `BadRequest` unless it belongs to this sort order."""
    try:
        signature, backwards, *values = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if signature != _signature(keys) or backwards not in (0, 1) or len(values) != len(keys):
            raise _bad_cursor()
        parsed = tuple(_typed(key, value) for key, value in zip(keys, values, strict=True))
    except (ValueError, TypeError, AttributeError, marshmallow.ValidationError) as error:
        raise _bad_cursor() from error
    return Cursor(parsed, bool(backwards))


def keyset_condition(keys: Sequence[SortKey], cursor: Cursor) -> peewee.Expression:
    """Return the condition for the rows after the cursor, or before it if it points backwards."""
    directions = [key.descending != cursor.backwards for key in keys]
    terms = list(zip(keys, directions, cursor.values, strict=True))
    needs_null_rule = any(key.nullable and (value is None or not descending) for key, descending, value in terms)
    if len(set(directions)) == 1 and not needs_null_rule:
        # One row comparison is one range of an index; PostgreSQL does not see that in the spelled-out form.
        columns = peewee.EnclosedNodeList([key.column for key in keys])
        values = [peewee.Value(value, converter=getattr(key.column, "db_value", None)) for key, _, value in terms]
        row = peewee.Expression(columns, "<" if directions[0] else ">", peewee.EnclosedNodeList(values))
        if len(keys) == 1:
            return row
        # Of two conditions that the scan of an index could begin at, such as this row and `published_at <= now()`,
        # PostgreSQL does not always take the nearer one; of two plain ones on its first column it does.
        column, value = keys[0].column, cursor.values[0]
        return (column <= value if directions[0] else column >= value) & row
    alternatives = []
    equal: list[peewee.Expression] = []
    for key, descending, value in terms:
        after = _strictly_after(key, descending, value)
        if after is not None:
            alternatives.append(reduce(operator.and_, [*equal, after]))
        equal.append(key.column.is_null() if value is None else key.column == value)
    return reduce(operator.or_, alternatives)


def _strictly_after(key: SortKey, descending: bool, value: Any) -> peewee.Expression | None:
    if value is None:
        return key.column.is_null(False) if descending else None
    if descending:
        return key.column < value
    return (key.column > value) | key.column.is_null() if key.nullable else key.column > value


def _typed(key: SortKey, value: Any) -> Any:
    if value is None:
        if not key.nullable:
            raise _bad_cursor()
        return None
    return parse_value(key.parser, str(value))


def _signature(keys: Sequence[SortKey]) -> str:
    return ",".join(("-" if key.descending else "") + key.name for key in keys)


def _bad_cursor() -> BadRequest:
    return bad_parameter("cursor", "Use a cursor from a page of this list with the same sort.")
