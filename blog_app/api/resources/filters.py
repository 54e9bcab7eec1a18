"""Filters of lists: the operators that a field has, and the SQL condition of each."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import orjson
import peewee
from marshmallow import fields as ma_fields, validate

Condition = Callable[[str, Any], peewee.Expression]


@dataclass(frozen=True)
class Filter:
    """One filter: the field that parses its values, its operators, and the SQL condition of each."""

    field: ma_fields.Field[Any]
    operators: tuple[str, ...]
    condition: Condition
    keyed: bool = False
    """Whether the brackets hold a key, which the condition gets, instead of an operator: `metadata[colour]=red`."""


EQUALITY_OPERATORS: tuple[str, ...] = ("eq", "ne", "in", "not_in", "is_null")
ORDER_OPERATORS = ("gt", "gte", "lt", "lte", "between")
TEXT_OPERATORS = ("like", "ilike", "starts_with", "ends_with", "contains")


def escape_like(text: str) -> str:
    """Return `text` with the wildcards of LIKE escaped."""
    return re.sub(r"([\\%_])", r"\\\1", text)


COMPARISONS: Mapping[str, Callable[[Any, Any], peewee.Expression]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "between": lambda column, bounds: column.between(*bounds),
    "in": lambda column, values: column.in_(values),
    "not_in": lambda column, values: column.not_in(values),
    "like": lambda column, text: peewee.Expression(column, "LIKE", text),
    "ilike": lambda column, text: peewee.Expression(column, "ILIKE", text),
    # Not ILIKE: an index on lower(column) can serve this.
    "starts_with": lambda column, text: peewee.Expression(
        peewee.fn.lower(column), "LIKE", peewee.fn.lower(escape_like(text) + "%")
    ),
    "ends_with": lambda column, text: peewee.Expression(column, "ILIKE", "%" + escape_like(text)),
    "contains": lambda column, text: peewee.Expression(column, "ILIKE", "%" + escape_like(text) + "%"),
    "is_null": lambda column, is_null: column.is_null(is_null),
}


def column_filter(field: ma_fields.Field[Any], column: Any) -> Filter:
    """Return the filter on the column that a field shows, with the operators of the field's type."""
    operators = EQUALITY_OPERATORS
    if not isinstance(field, ma_fields.Boolean | ma_fields.UUID) and not has_choices(field):
        operators += ORDER_OPERATORS + TEXT_OPERATORS if isinstance(field, ma_fields.String) else ORDER_OPERATORS
    return Filter(field, operators, lambda operator_name, value: COMPARISONS[operator_name](column, value))


def json_filter(column: Any) -> Filter:
    """Return the filter on the keys of a JSON object: under the key is the value, as text, number or boolean, or a
    list that has it. An index with `jsonb_path_ops` can serve it.
    """

    def condition(key: str, value: str) -> peewee.Expression:
        values: list[Any] = [value]
        with suppress(orjson.JSONDecodeError):
            if isinstance(parsed := orjson.loads(value), bool | int | float):
                values.append(parsed)
        documents = [orjson.dumps({key: each}).decode() for one in values for each in (one, [one])]
        return reduce(
            or_, [peewee.Expression(column.cast("jsonb"), "@>", peewee.Cast(each, "jsonb")) for each in documents]
        )

    return Filter(ma_fields.String(), (), condition, keyed=True)


def has_choices(field: ma_fields.Field[Any]) -> bool:
    """Return whether a field has a fixed set of values."""
    return any(isinstance(validator, validate.OneOf) for validator in field.validators)
