"""What a list can be filtered by: a field, the operators that suit it, and the SQL that each means."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import peewee
from marshmallow import fields as ma_fields
from marshmallow import validate

Condition = Callable[[str, Any], peewee.Expression]


@dataclass(frozen=True)
class Filter:
    """One thing a list can be filtered by: how its values are parsed, which operators it has, what they mean."""

    field: ma_fields.Field[Any]
    operators: tuple[str, ...]
    condition: Condition


EQUALITY = ("eq", "ne", "in", "not_in", "is_null")
ORDER = ("gt", "gte", "lt", "lte", "between")
TEXT = ("like", "ilike", "starts_with", "ends_with", "contains")


def escape_like(text: str) -> str:
    """Return `text` with the wildcards of LIKE taken literally."""
    return re.sub(r"([\\%_])", r"\\\1", text)


COMPARISONS: Mapping[str, Callable[[Any, Any], peewee.Expression]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "between": lambda column, pair: column.between(*pair),
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
    "is_null": lambda column, wanted: column.is_null(wanted),
}


def operators_of(field: ma_fields.Field[Any]) -> tuple[str, ...]:
    """Return the operators that suit the values of a field."""
    if isinstance(field, ma_fields.Boolean | ma_fields.UUID) or has_choices(field):
        return EQUALITY
    if isinstance(field, ma_fields.String):
        return EQUALITY + ORDER + TEXT
    return EQUALITY + ORDER


def has_choices(field: ma_fields.Field[Any]) -> bool:
    """Return whether only certain values are possible."""
    return any(isinstance(validator, validate.OneOf) for validator in field.validators)
