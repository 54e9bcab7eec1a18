"""Conversion of JSON values in seed files to the values of columns."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import DateTimeTZField

TEXT = (peewee.CharField, peewee.TextField)


def column_value(field: peewee.Field, value: Any) -> Any:
    """Return the column value for a JSON value; raise `ValueError`, which does not repeat the value."""
    if value is None:
        if not field.null:
            raise ValueError("must not be null")
        return None
    if isinstance(field, peewee.ForeignKeyField):
        return column_value(field.rel_field, value)
    if isinstance(field, TEXT):
        return _text(field, value)
    if isinstance(field, peewee.BooleanField):
        return _instance(value, bool, "true or false")
    if isinstance(field, peewee.IntegerField):
        return _instance(value, int, "a whole number")
    if isinstance(field, peewee.FloatField):
        return float(_instance(value, (int, float), "a number"))
    if isinstance(field, peewee.DecimalField):
        return _parsed(Decimal, value, 'a decimal number in quotes, such as "12.50"')
    if isinstance(field, DateTimeTZField):
        return _timestamp(value)
    if isinstance(field, peewee.DateField):
        return _parsed(date.fromisoformat, value, 'a date such as "2026-05-01"')
    if isinstance(field, peewee.UUIDField):
        return _parsed(UUID, value, "an identifier (a UUID)")
    return value


def _text(field: peewee.Field, value: Any) -> str:
    text: str = _instance(value, str, "a text")
    if "\x00" in text:
        raise ValueError("holds a NUL character, which PostgreSQL cannot store")
    most = getattr(field, "max_length", None)
    if isinstance(field, peewee.CharField) and most and len(text) > most:
        raise ValueError(f"has {len(text)} characters, at most {most} fit")
    return text


def _timestamp(value: Any) -> datetime:
    found: datetime = _parsed(datetime.fromisoformat, value, 'a time such as "2026-05-01T09:00:00Z"')
    if found.tzinfo is None:
        raise ValueError("lacks the time zone: end it in Z, or in +02:00")
    return found.astimezone(UTC)


def _instance(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"must be {what}")
    return value


def _parsed(parse: Any, value: Any, what: str) -> Any:
    try:
        return parse(_instance(value, str, what))
    except (ValueError, InvalidOperation):
        raise ValueError(f"must be {what}") from None
