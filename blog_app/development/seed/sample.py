"""Sample seed files: rows that load as they are, to be replaced by better ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import peewee
from playhouse.postgres_ext import DateTimeTZField

from blog_app.data import models
from blog_app.data.models import Base
from blog_app.development.seed import SeedError, files
from blog_app.development.seed.keys import text_key
from blog_app.development.seed.values import TEXT

ROWS = 2
SAMPLE_USER = "accounts.users/ada@example.com"


def write(name: str, table: str, folder: Path = files.FOLDER) -> Path:
    """Write `seed_data/<name>/<table>.json`; return its path. Raise `SeedError` if it exists, or the table does not."""
    found = {model._meta.table_name: model for model in models.models_of(name)}
    if table not in found:
        raise SeedError(f"{name} has no table {table!r} (it has: {', '.join(found) or 'none'})")
    path = folder / name / f"{table}.json"
    if path.exists():
        raise SeedError(f"{name}/{path.name} exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text([row(found[table], number, folder) for number in range(1, ROWS + 1)]), encoding="utf-8")
    return path


def text(rows: list[dict[str, Any]]) -> str:
    """Return rows as the text of a seed file, one a line."""
    lines = ",\n".join(f"  {json.dumps(each, ensure_ascii=False)}" for each in rows)
    return f"[\n{lines}\n]\n"


def row(model: type[Base], number: int, folder: Path) -> dict[str, Any]:
    """Return the sample row of this number: a value for each required field and for the text key."""
    key = text_key(model)
    given = {
        name: _value(field, number, folder)
        for name, field in model._meta.fields.items()
        if field is key or not (field.null or field.default is not None or _has_default(field))
    }
    record = model(**given)
    record.derive()
    found = {name: value for name, value in given.items() if record.__data__[name] == value}
    return {"password" if name == "password_hash" else name: value for name, value in found.items()}


def _has_default(field: peewee.Field) -> bool:
    return any(isinstance(each, peewee.SQL) and each.sql.startswith("DEFAULT") for each in field.constraints or ())


def _value(field: peewee.Field, number: int, folder: Path) -> Any:
    if isinstance(field, peewee.ForeignKeyField):
        return reference_to(field.rel_model, number, folder) or f"(a row of {field.rel_model._meta.table_name})"
    if isinstance(field, TEXT):
        return _text(field.name, number)
    values = (
        (peewee.BooleanField, False),
        (peewee.DecimalField, f"{number}.00"),
        ((peewee.IntegerField, peewee.FloatField), number),
        (DateTimeTZField, f"2026-01-0{number}T09:00:00Z"),
        (peewee.DateField, f"2026-01-0{number}"),
        (peewee.UUIDField, SAMPLE_USER),
    )
    return next((value for kind, value in values if isinstance(field, kind)), {})


def _text(name: str, number: int) -> str:
    if name == "password_hash":
        return f"Sample-Password-{number}"
    if name == "email":
        return f"sample.{number}@example.com"
    if name.endswith("url"):
        return f"https://example.com/{number}"
    return f"sample-{number}" if name == "slug" else f"Sample {name.replace('_', ' ')} {number}"


def reference_to(model: type[Base], number: int, folder: Path) -> str | None:
    """Return a reference to a row in the seed file of another table; None if the file has no row.

    Number 1 is the first row; after the last comes the first again.
    """
    key = text_key(model)
    path = folder / model._meta.schema / f"{model._meta.table_name}.json"
    known = key.name if key is not None else "id"
    rows = files.read_rows(path, model) if path.exists() else ()
    names = [each.values[known] for each in rows if known in each.values]
    return names[(number - 1) % len(names)] if names else None
