"""Loads seed files into a logical database in one transaction; rows that equal the file stay untouched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from blog_app.development.seed.files import SeedRow
from blog_app.development.seed.keys import Fields, References, is_reference, key_of, unique_keys
from blog_app.development.seed.values import column_value

Counts = dict[str, Counter[str]]
"""By table: how many rows were `new`, `changed` or `unchanged`."""


def load(name: str, folder: Path = files.FOLDER) -> Counts:
    """Load `seed_data/<name>/` into the logical database `name`; raise `SeedError`, with nothing loaded."""
    references = References()
    with long_transaction(name, statement_timeout=0):
        return {
            model._meta.table_name: _load_table(model, path, references)
            for model, path in files.models_with_files(name, models.models_of(name), folder)
        }


@contextmanager
def long_transaction(name: str, statement_timeout: float) -> Iterator[Any]:
    """Yield the logical database `name` in a transaction with another statement timeout in seconds; 0 is none."""
    database = databases.BY_NAME[name]
    with database.atomic():
        database.limit_statements(statement_timeout)
        yield database


def is_empty(name: str, folder: Path = files.FOLDER) -> bool:
    """Return whether all tables that have a seed file are empty."""
    found = files.models_with_files(name, models.models_of(name), folder)
    return not any(model.select().exists() for model, _ in found)


def _load_table(model: type[Base], path: Path, references: References) -> Counter[str]:
    # Row by row: a row may refer to one above it, and an error must name the row. Files are small.
    counts: Counter[str] = Counter()
    seen: dict[tuple[Any, ...], int] = {}
    for seed_row in files.read_rows(path, model):
        row = _read(model, seed_row, references)
        key = key_of(model, row)
        if key is None:
            keys = " or ".join("+".join(field.name for field in each) for each in unique_keys(model))
            raise seed_row.error(f"has no unique key: it must give {keys}")
        identity = tuple(row[field.name] for field in key)
        if identity in seen:
            raise seed_row.error(f"is the same as row {seen[identity]}")
        seen[identity] = seed_row.number
        try:
            counts[_write(model, key, row)] += 1
        except (peewee.IntegrityError, peewee.DataError) as error:
            raise seed_row.error(f"is refused by the database: {first_line(error)}") from error
    model.after_bulk_load()
    return counts


def _read(model: type[Base], seed_row: SeedRow, references: References) -> dict[str, Any]:
    """Return the values of the row as the columns hold them; a password stays plain text."""
    row = {}
    for name, given in seed_row.values.items():
        field = model._meta.fields.get("password_hash" if name == "password" else name)
        if field is None:
            raise seed_row.error(f"is no field of {model._meta.table_name}: {', '.join(model._meta.fields)}", name)
        try:
            value = files.file_content(seed_row, field, given)
            row[name] = references.find(field, value) if is_reference(field, value) else column_value(field, value)
        except ValueError as error:
            raise seed_row.error(str(error), name) from None
    return row


def _write(model: type[Base], key: Fields, row: dict[str, Any]) -> str:
    """Insert or change the row; return "new", "changed" or "unchanged"."""
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
    """Return the existing row, locked; a soft-deleted one, which is then restored, only if there is no other."""
    if not issubclass(model, SoftDeletable):
        return model.select().where(condition).for_update().first()
    rows = model.with_deleted().where(condition)
    return rows.order_by(model.deleted_at.asc(nulls="first")).for_update().first()


def _new(model: type[Base], row: Mapping[str, Any]) -> dict[str, Any]:
    """Return all values of a new row. Its UUIDv7 has the time of its `created_at`, so that ids sort by creation."""
    values = dict(row)
    created_at = values.get("created_at")
    if created_at is not None and issubclass(model, Record):
        values.setdefault("updated_at", created_at)
        values.setdefault("id", uuid7(nanoseconds=int(created_at.timestamp() * 1e9)))
    if "password" in values:
        values["password_hash"] = hash_password(values.pop("password"))
    record = model(**(model._meta.get_default_dict() | values))  # `kind` decides what is derived.
    record.derive()
    return dict(record.__data__)


def _stored(existing: Base, name: str) -> Any:
    """Return the value of a field, with bytes instead of the `memoryview` of the driver."""
    value = existing.__data__[name]
    return bytes(value) if isinstance(value, memoryview) else value


def _changes(existing: Base, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that differ; a password differs if it does not match the stored hash."""
    wanted = {"deleted_at": None, **row} if isinstance(existing, SoftDeletable) else row
    found = {name: value for name, value in wanted.items() if name != "password" and _stored(existing, name) != value}
    if "password" in row and not verify_password(existing.__data__["password_hash"], row["password"]):
        found["password_hash"] = hash_password(row["password"])
    return found
