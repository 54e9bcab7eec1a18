"""Keys of seed rows: which unique key identifies a row, and which row a reference names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import peewee

from blog_app.data import models
from blog_app.data.models import Base
from blog_app.data.uuids import parse_uuid
from blog_app.development.seed.values import TEXT

Fields = tuple[peewee.Field, ...]


def unique_keys(model: type[Base]) -> Iterator[Fields]:
    """Yield the fields of the primary key, then those of each unique index on plain columns."""
    yield tuple(model._meta.get_primary_keys())
    for index in model._meta.fields_to_index():
        if index._unique and all(isinstance(part, peewee.Field) for part in index._expressions):
            yield tuple(index._expressions)


def key_of(model: type[Base], row: Mapping[str, Any]) -> Fields | None:
    """Return the first unique key for which the row gives all fields; None if there is none."""
    return next((key for key in unique_keys(model) if all(row.get(field.name) is not None for field in key)), None)


def text_key(model: type[Base]) -> peewee.Field | None:
    """Return the unique text field by which other rows may refer to a row of this table."""
    return next((key[0] for key in unique_keys(model) if len(key) == 1 and isinstance(key[0], TEXT)), None)


def is_reference(field: peewee.Field, value: Any) -> bool:
    """Return whether a value names a row by a text, while the column holds the row's identifier."""
    column = field.rel_field if isinstance(field, peewee.ForeignKeyField) else field
    return (
        isinstance(column, peewee.UUIDField)
        and not (column is field and field.primary_key)
        and isinstance(value, str)
        and parse_uuid(value) is None
    )


class References:
    """Looks up the identifiers of rows that other rows name by a text; each lookup is done once."""

    def __init__(self) -> None:
        self._found: dict[tuple[type[Base], str], Any] = {}

    def find(self, field: peewee.Field, value: str) -> Any:
        """Return the identifier of the row that `value` names in this field; raise `ValueError`."""
        model, text = _target(field, value)
        if (model, text) not in self._found:
            by = text_key(model)
            if by is None:
                raise ValueError(f"must be an identifier: {_full_name(model)} has no unique text")
            row = model.select(model._meta.primary_key).where(by == text).tuples().first()
            if row is None:
                raise ValueError(f"names {text!r}, but no row of {_full_name(model)} has this {by.name}")
            self._found[model, text] = row[0]
        return self._found[model, text]


def _target(field: peewee.Field, value: str) -> tuple[type[Base], str]:
    """Return the model that a reference is to, and the text by which it names the row."""
    if isinstance(field, peewee.ForeignKeyField):
        return field.rel_model, value
    place, slash, text = value.partition("/")
    name, _, table = place.partition(".")
    for model in models.models_of(name) if slash else ():
        if model._meta.table_name == table:
            return model, text
    raise ValueError('must be an identifier, or name a row as in "accounts.users/ada@example.com"')


def _full_name(model: type[Base]) -> str:
    return f"{model._meta.schema}.{model._meta.table_name}"
