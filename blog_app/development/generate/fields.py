"""Fields of a generated resource: the code that `--field title:string:unique` becomes in each file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from blog_app.data.models import Base
from blog_app.development.generate import GenerateError
from blog_app.development.generate.names import check_name

FIELD = re.compile(r"(\w+):(\w+)(?::(optional|unique))?")
IN_MIGRATIONS = {
    "peewee.": "pw.",
    "TimestampField": "pw_pext.DateTimeTZField",
    "BinaryJSONField": "pw_pext.BinaryJSONField",
}
"""How a migration writes what a model imports by other names."""


class Kind(NamedTuple):
    """A type of field: the classes of its column and its schema field with their options, and two sample values."""

    column: str
    column_options: str
    schema_field: str
    schema_options: str
    samples: tuple[Any, Any]
    default: tuple[str, str] | None = None
    """In Python and in SQL."""


NAMES = ("Sample 1", "Sample 2")
TEXTS = ("One.", "Two,\nlines.")
TIMES = ("2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z")
OBJECTS = ({"a": 1}, {"b": [2]})
UUIDS = ("019b7719-6a80-7000-8000-000000000001", "019b7719-6a80-7000-8000-000000000002")
# fmt: off
KINDS: Mapping[str, Kind] = {
    "string":    Kind("peewee.CharField", "max_length=200", "String", "min_length=1, max_length=200", NAMES),
    "text":      Kind("peewee.TextField", "", "String", "min_length=1, max_length=20_000, strip=False", TEXTS),
    "integer":   Kind("peewee.IntegerField", "", "Integer", "", (1, 2)),
    "money":     Kind("peewee.DecimalField", "max_digits=14, decimal_places=2", "Money", "", ("12.50", "0.99")),
    "boolean":   Kind("peewee.BooleanField", "", "ma.Boolean", "", (True, False), default=("False", "false")),
    "timestamp": Kind("TimestampField", "", "Timestamp", "", TIMES),
    "uuid":      Kind("peewee.UUIDField", "", "ma.UUID", "", UUIDS),
    "json":      Kind("BinaryJSONField", "index=False", "JsonObject", "", OBJECTS, default=("dict", "'{}'")),
}
# fmt: on
SORTABLE = {"string", "integer", "money", "timestamp"}
FILTERABLE = SORTABLE | {"boolean", "uuid"}
UNIQUE = {"string", "integer", "uuid"}


@dataclass(frozen=True)
class Field:
    """A field of a kind, or a foreign key to `target`."""

    name: str
    kind: str
    null: bool = False
    unique: bool = False
    target: type[Base] | None = None

    @property
    def public_name(self) -> str:
        """The name in JSON, which is that of the column."""
        return f"{self.name}_id" if self.target else self.name

    @property
    def filterable(self) -> bool:
        return self.kind in FILTERABLE

    @property
    def sortable(self) -> bool:
        return self.kind in SORTABLE and not self.null

    @property
    def default(self) -> tuple[str, str] | None:
        return None if self.null else KINDS[self.kind].default

    @property
    def required(self) -> bool:
        return not self.null and self.default is None

    @property
    def model_code(self) -> str:
        """The right-hand side of the field in the model."""
        if self.target:
            return _call("peewee.ForeignKeyField", self.target.__name__, 'backref="+"', *self._marks, self._on_delete)
        return self._column(f"default={self.default[0]}" if self.default else "")

    @property
    def migration_code(self) -> str:
        """The right-hand side of the field in the migration."""
        if self.target:
            model = f'model=migrator.orm["{self.target._meta.table_name}"]'
            options = (f'column_name="{self.public_name}"', 'field="id"', model, *self._marks, self._on_delete)
            return _call("pw.ForeignKeyField", *options)
        code = self._column()
        for model_name, migration_name in IN_MIGRATIONS.items():
            code = code.replace(model_name, migration_name)
        return code

    @property
    def schema_code(self) -> str:
        """The right-hand side of the field in the schema."""
        presence = f"load_default={self.default[0]}" if self.default else "required=True"
        if self.null:
            presence = "load_default=None, allow_none=True"
        kind = KINDS[self.kind]
        return _call(kind.schema_field, presence, kind.schema_options)

    def sample(self, number: int) -> Any:
        """Return a value for row `number`, 1 or 2."""
        return KINDS[self.kind].samples[number - 1]

    def _column(self, default: str = "") -> str:
        kind = KINDS[self.kind]
        constraint = f'constraints=[peewee.SQL("DEFAULT {self.default[1]}")]' if self.default else ""
        return _call(kind.column, kind.column_options, *self._marks, default, constraint)

    @property
    def _marks(self) -> list[str]:
        return ["null=True"] * self.null + ["unique=True"] * self.unique

    @property
    def _on_delete(self) -> str:
        return f'on_delete="{"SET NULL" if self.null else "CASCADE"}"'


def _call(function: str, *arguments: str) -> str:
    return f"{function}({', '.join(filter(None, arguments))})"


def parse(texts: tuple[str, ...], tables: Mapping[str, type[Base]], base: type[Base]) -> list[Field]:
    """Return the fields that the texts describe; raise `GenerateError`. `base` has the fields that all records have."""
    fields: list[Field] = []
    for text in texts:
        field = _parse(text, tables)
        if hasattr(base, field.name) or hasattr(base, field.public_name):
            raise GenerateError(f"{field.name!r} cannot name a field: all models have an attribute of this name")
        if field.public_name in [each.public_name for each in fields]:
            raise GenerateError(f"two fields are named {field.name!r}")
        fields.append(field)
    return fields


def _parse(text: str, tables: Mapping[str, type[Base]]) -> Field:
    match = FIELD.fullmatch(text)
    if match is None:
        raise GenerateError(f"{text!r} is not a field: write NAME:TYPE, NAME:TYPE:optional or NAME:TYPE:unique")
    name, kind, mark = match.groups()
    check_name(name)
    target = None if kind in KINDS else tables.get(kind)
    if kind not in KINDS and target is None:
        known = f"{', '.join(KINDS)}, or a table to refer to: {', '.join(tables)}"
        raise GenerateError(f"{text!r}: there is no type {kind!r}, only {known}")
    field = Field(name, "uuid" if target else kind, mark == "optional", mark == "unique", target)
    if field.unique and field.kind not in UNIQUE:
        raise GenerateError(f"{text!r}: a field of this type cannot be unique")
    if target is not None and target._meta.composite_key:
        raise GenerateError(f"{text!r}: {kind} has no id to refer to")
    return field
