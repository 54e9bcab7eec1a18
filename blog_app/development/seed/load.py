"""Loads seed files into a logical database, in one transaction; rows that are as the file says stay untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import reduce
from operator import and_
from pathlib import Path
from typing import Any

import peewee
from uuid_utils.compat import uuid7

from blog_app.accounts.passwords import hash_password, verify_password
from blog_app.data import databases, models
from blog_app.data.databases import first_line
from blog_app.data.models import Base, Record, SoftDeletable
from blog_app.development.seed import files
from blog_app.development.seed.files import Place
from blog_app.development.seed.keys import Fields, References, is_reference, key_of, unique_keys
from blog_app.development.seed.values import value_of

Counts = dict[str, Counter[str]]
"""By table: how many rows were `new`, `changed` or `unchanged`."""


def load(name: str, folder: Path = files.FOLDER) -> Counts:
    """Make the rows of `seed_data/<name>/` true in the logical database `name`; raise `SeedError`, nothing loaded."""
    references = References()
    with databases.BY_NAME[name].atomic():
        databases.BY_NAME[name].execute_sql("SET LOCAL statement_timeout = 0")
        return {
            model._meta.table_name: _load_table(model, path, references)
            for model, path in files.tables(name, models.models_of(name), folder)
        }


def is_empty(name: str, folder: Path = files.FOLDER) -> bool:
    """Return whether no table that has a seed file holds a row."""
    return not any(model.select().exists() for model, _ in files.tables(name, models.models_of(name), folder))


def _load_table(model: type[Base], path: Path, references: References) -> Counter[str]:
    # One row after the other: a row may refer to one above it, and an error must name the row. Files are small.
    counts: Counter[str] = Counter()
    seen: dict[tuple[Any, ...], int] = {}
    for place in files.rows(path, model):
        row = _read(model, place, references)
        key = key_of(model, row)
        if key is None:
            keys = " or ".join("+".join(field.name for field in each) for each in unique_keys(model))
            raise place.error(f"cannot be told from others: it must give {keys}")
        identity = tuple(row[field.name] for field in key)
        if identity in seen:
            raise place.error(f"is the same as row {seen[identity]}")
        seen[identity] = place.number
        try:
            counts[_write(model, key, row)] += 1
        except (peewee.IntegrityError, peewee.DataError) as error:
            raise place.error(f"is refused by the database: {first_line(error)}") from error
    model.after_bulk_load()
    return counts


def _read(model: type[Base], place: Place, references: References) -> dict[str, Any]:
    """Return the row's values by field, as the columns hold them, and the password as it was written."""
    row = {}
    for name, given in place.row.items():
        field = model._meta.fields.get("password_hash" if name == "password" else name)
        if field is None:
            raise place.error(f"is no field of {model._meta.table_name}: {', '.join(model._meta.fields)}", name)
        try:
            value = files.beside(place, field, given)
            row[name] = references.find(field, value) if is_reference(field, value) else value_of(field, value)
        except ValueError as error:
            raise place.error(str(error), name) from None
    return row


def _write(model: type[Base], key: Fields, row: dict[str, Any]) -> str:
    """Insert or change the row; return what was done."""
    condition = reduce(and_, (field == row[field.name] for field in key))
    existing = _existing(model, condition)
    if existing is None:
        model.insert(_new(model, row)).execute()
        return "new"
    changes = _changes(existing, row)
    if not changes:
        return "unchanged"
    if isinstance(existing, Record):
        existing.change(**changes)
    else:
        model.update(changes).where(condition).execute()
    return "changed"


def _existing(model: type[Base], condition: peewee.Expression) -> Base | None:
    """Return the row that is there, locked; a deleted one if there is no other, and then it will be restored."""
    if not issubclass(model, SoftDeletable):
        return model.select().where(condition).for_update().first()
    rows = model.with_deleted().where(condition)
    return rows.order_by(model.deleted_at.asc(nulls="first")).for_update().first()


def _new(model: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole new row. Its identifier is of the time it claims, so that identifiers sort by creation."""
    values = dict(row)
    created_at = values.get("created_at")
    if created_at is not None and issubclass(model, Record):
        values.setdefault("updated_at", created_at)
        values.setdefault("id", uuid7(nanoseconds=int(created_at.timestamp() * 1e9)))
    if "password" in values:
        values["password_hash"] = hash_password(values.pop("password"))
    record = model(**(model._meta.get_default_dict() | values))  # The kind among them decides what is derived.
    record.derive()
    return dict(record.__data__)


def _held(existing: Base, name: str) -> Any:
    """Return the value of a field; bytes come from the driver as a view of its memory."""
    value = existing.__data__[name]
    return bytes(value) if isinstance(value, memoryview) else value


def _changes(existing: Base, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what differs; a password differs if it does not fit the stored hash."""
    wanted = {"deleted_at": None, **row} if isinstance(existing, SoftDeletable) else row
    found = {name: value for name, value in wanted.items() if name != "password" and _held(existing, name) != value}
    if "password" in row and not verify_password(existing.__data__["password_hash"], row["password"]):
        found["password_hash"] = hash_password(row["password"])
    return found
