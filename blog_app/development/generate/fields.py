"""What `--field title:string:unique` stands for in model, migration, schema, tests and seed file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blog_app.data.models import Base
from blog_app.development.generate import GenerateError
from blog_app.development.generate.names import check_identifier

FIELD = re.compile(r"(?P<name>\w+):(?P<kind>\w+)(:(?P<mark>optional|unique))?")


@dataclass(frozen=True)
class Kind:
    """A type of field. `column` and `field` are code, without what depends on the mark."""

    column: str
    options: tuple[str, ...]
    field: str
    samples: tuple[Any, Any]
    limits: tuple[str, ...] = ()
    default: tuple[str, str, str] | None = None
    """In Python, in SQL, and as marshmallow's `load_default`."""
    sortable: bool = True
    filterable: bool = True
    may_be_unique: bool = False


KINDS: Mapping[str, Kind] = {
    "string": Kind(
        "peewee.CharField",
        ("max_length=200",),
        "String",
        ("Sample {name} 1", "Sample {name} 2"),
        limits=("min_length=1", "max_length=200"),
        may_be_unique=True,
    ),
    "text": Kind(
        "peewee.TextField",
        (),
        "String",
        ("The first sample.", "The second one,\nof two lines."),
        limits=("min_length=1", "max_length=20_000", "strip=False"),
        sortable=False,
        filterable=False,
    ),
    "integer": Kind("peewee.IntegerField", (), "Integer", (1, 2), may_be_unique=True),
    "money": Kind("peewee.DecimalField", ("max_digits=14", "decimal_places=2"), "Money", ("12.50", "0.99")),
    "boolean": Kind(
        "peewee.BooleanField", (), "ma.Boolean", (True, False), default=("False", "false", "False"), sortable=False
    ),
    "timestamp": Kind("TimestampField", (), "Timestamp", ("2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z")),
    "uuid": Kind(
        "peewee.UUIDField",
        (),
        "ma.UUID",
        ("019b7719-6a80-7000-8000-000000000001", "019b7719-6a80-7000-8000-000000000002"),
        sortable=False,
        may_be_unique=True,
    ),
    "json": Kind(
        "BinaryJSONField",
        ("index=False",),
        "JsonObject",
        ({"key": "value"}, {"key": ["another", "value"]}),
        default=("dict", "'{}'", "dict"),
        sortable=False,
        filterable=False,
    ),
}


@dataclass(frozen=True)
class Field:
    """A field of the resource: of a kind, or a reference to a row of `target`."""

    name: str
    kind: Kind
    null: bool = False
    unique: bool = False
    target: type[Base] | None = None

    @property
    def public_name(self) -> str:
        """The name in JSON, which is that of the column."""
        return f"{self.name}_id" if self.target else self.name

    @property
    def required(self) -> bool:
        return not self.null and self.kind.default is None

    @property
    def on_delete(self) -> str:
        return "SET NULL" if self.null else "CASCADE"

    @property
    def model_code(self) -> str:
        """The right-hand side of the field in the model."""
        if self.target:
            options = [self.target.__name__, 'backref="+"', *self._marks(), f'on_delete="{self.on_delete}"']
            return f"peewee.ForeignKeyField({', '.join(options)})"
        defaults = []
        if self.kind.default and not self.null:
            python, sql, _ = self.kind.default
            defaults = [f"default={python}", f'constraints=[peewee.SQL("DEFAULT {sql}")]']
        return f"{self.kind.column}({', '.join([*self.kind.options, *self._marks(), *defaults])})"

    @property
    def migration_code(self) -> str:
        """The right-hand side of the field in the migration."""
        if self.target:
            options = [
                f'column_name="{self.public_name}"',
                'field="id"',
                f'model=migrator.orm["{self.target._meta.table_name}"]',
                *self._marks(),
                f'on_delete="{self.on_delete}"',
            ]
            return f"pw.ForeignKeyField({', '.join(options)})"
        code = re.sub(r"\bdefault=\w+, ", "", self.model_code).replace("peewee.", "pw.")
        return re.sub(r"^(?=BinaryJSONField)", "pw_pext.", code.replace("TimestampField", "pw_pext.DateTimeTZField"))

    @property
    def schema_code(self) -> str:
        """The right-hand side of the field in the schema."""
        options = ["required=True"]
        if self.null:
            options = ["load_default=None", "allow_none=True"]
        elif self.kind.default:
            options = [f"load_default={self.kind.default[2]}"]
        return f"{self.kind.field}({', '.join([*options, *self.kind.limits])})"

    def sample(self, number: int) -> Any:
        """Return a value for row `number`, 1 or 2."""
        value = self.kind.samples[number - 1]
        return value.format(name=self.name.replace("_", " ")) if isinstance(value, str) else value

    def _marks(self) -> list[str]:
        return ["null=True"] * self.null + ["unique=True"] * self.unique


def parse(texts: tuple[str, ...], tables: Mapping[str, type[Base]], base: type[Base]) -> list[Field]:
    """Return the fields that the texts describe; raise `GenerateError`. `base` has the fields that all records have."""
    fields: list[Field] = []
    for text in texts:
        field = _parse(text, tables)
        if hasattr(base, field.name) or hasattr(base, field.public_name):
            raise GenerateError(f"{field.name!r} cannot name a field: all models have something of this name")
        if field.public_name in [each.public_name for each in fields]:
            raise GenerateError(f"two fields are named {field.name!r}")
        fields.append(field)
    return fields


def _parse(text: str, tables: Mapping[str, type[Base]]) -> Field:
    match = FIELD.fullmatch(text)
    if match is None:
        raise GenerateError(f"{text!r} is no field: write NAME:TYPE, NAME:TYPE:optional or NAME:TYPE:unique")
    name, kind, mark = match["name"], match["kind"], match["mark"]
    check_identifier(name)
    if kind not in KINDS and kind not in tables:
        known = f"{', '.join(KINDS)}, or a table it refers to: {', '.join(tables)}"
        raise GenerateError(f"{text!r}: there is no type {kind!r}, only {known}")
    target = tables.get(kind) if kind not in KINDS else None
    found = Field(name, KINDS["uuid"] if target else KINDS[kind], mark == "optional", mark == "unique", target)
    if found.unique and not found.kind.may_be_unique:
        raise GenerateError(f"{text!r}: a field of this type cannot be unique")
    if target is not None and target._meta.composite_key:
        raise GenerateError(f"{text!r}: {kind} has no identifier to refer to")
    return found
