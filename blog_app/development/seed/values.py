"""Conversion of JSON values in seed files to the values of columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import DateTimeTZField

TEXT = (peewee.CharField, peewee.TextField)
Type = type | tuple[type, ...]
TYPES: tuple[tuple[Type, Type, Callable[[Any], Any], str], ...] = (
    (TEXT, str, str, "a text"),
    (peewee.BooleanField, bool, bool, "true or false"),
    (peewee.IntegerField, int, int, "a whole number"),
    (peewee.FloatField, (int, float), float, "a number"),
    (peewee.DecimalField, str, Decimal, 'a decimal number in quotes, such as "12.50"'),
    (DateTimeTZField, str, datetime.fromisoformat, 'a time such as "2026-05-01T09:00:00Z"'),
    (peewee.DateField, str, date.fromisoformat, 'a date such as "2026-05-01"'),
    (peewee.UUIDField, str, UUID, "an identifier (a UUID)"),
)
"""Types of fields, the JSON types of their values, the conversion, and what an error says that the value must be."""


def column_value(field: peewee.Field, value: Any) -> Any:
    """Return the column value for a JSON value; raise `ValueError`, which does not repeat the value."""
    if value is None:
        if not field.null:
            raise ValueError("must not be null")
        return None
    if isinstance(field, peewee.ForeignKeyField):
        return column_value(field.rel_field, value)
    for field_type, json_type, convert, what in TYPES:
        if isinstance(field, field_type):
            if not isinstance(value, json_type) or (isinstance(value, bool) and json_type is not bool):
                raise ValueError(f"must be {what}")
            try:
                found = convert(value)
            except (ValueError, InvalidOperation):
                raise ValueError(f"must be {what}") from None
            return _checked(field, found)
    return value


def _checked(field: peewee.Field, value: Any) -> Any:
    if isinstance(value, str) and "\x00" in value:
        raise ValueError("holds a NUL character, which PostgreSQL cannot store")
    if isinstance(field, peewee.CharField) and field.max_length and len(value) > field.max_length:
        raise ValueError(f"has {len(value)} characters, at most {field.max_length} fit")
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("lacks the time zone: end it in Z, or in +02:00")
        return value.astimezone(UTC)
    return value
