"""The base of all schemas (serializers): how a resource looks, what can be written, and how lists of it are read.

Marshmallow validates input and feeds the documentation; it never serializes rows. A schema's `Meta` declares the rest:

* `model`: the Peewee model whose rows it shows. A field shows the model's field of the same name (or `attribute`).
* `columns`: SQL expressions for fields that are not columns.
* `includes`: what `?include=` can add, each by at most one statement (`blog_app.api.resources.includes`).
* `filterable`, `filters`: fields to filter by; further filters (`blog_app.api.resources.filters`).
* `per_caller`: fields that depend on the caller, with the models that they are read from. They are shown only if
  `?fields=` or `?include=` names them, in a response that is not shared.
* `extensions`: tables with a row for each row of `model`, joined where one of their fields is needed.
* `sortable`, `sort`: fields that `?sort=` accepts; the default order.
* `orders`: columns that `?sort=` accepts besides, of integers that are never null.
* `key`: the unique field that ends every order, so that it is total.
* `search`: what `?q=` does, where there is full-text search.
* `hook_columns`: columns whose values an item hands to read hooks (`blog_app.api.execution.hooks`).
* `kinds`: where the field `kind` is a discriminator, the schema of the body of each kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import marshmallow
import peewee
from marshmallow import ValidationError

from blog_app.api.resources.filters import Filter


@dataclass(frozen=True)
class Search:
    """Full-text search of a list, `?q=`."""

    filter: Callable[[peewee.ModelSelect, str], peewee.ModelSelect]
    """Takes a query and the search text; returns the query for the rows that match."""
    fields: tuple[str, ...] = ()
    """Sortable fields that only search results have, such as a rank."""
    sort: tuple[str, ...] = ()
    """The default order of search results; empty: that of the list."""


@dataclass(frozen=True)
class Extension:
    """A table whose foreign key `key` is its primary key: the rest of a row that is kept elsewhere."""

    key: peewee.ForeignKeyField
    fields: tuple[str, ...]
    """The fields and orders that are read from it."""
    join_type: str = peewee.JOIN.LEFT_OUTER

    def join(self, source: Any) -> peewee.Join:
        """Return `source` joined with the table."""
        return peewee.Join(source, self.key.model, self.join_type, self.key == self.key.rel_field)


class PerRequest(peewee.ColumnBase):
    """An SQL expression for `columns` that depends on the caller: built again for every statement, also in filters."""

    __hash__ = object.__hash__

    def __init__(self, expression: Callable[[], peewee.Node]) -> None:
        self.expression = expression

    def __sql__(self, ctx: Any) -> Any:
        return ctx.sql(self.expression())


class SchemaOptions(marshmallow.SchemaOpts):
    """The `Meta` of a `Schema`, with its defaults."""

    def __init__(self, meta: type, *args: Any, **kwargs: Any) -> None:
        super().__init__(meta, *args, **kwargs)
        self.model: Any = getattr(meta, "model", None)
        self.columns: Mapping[str, peewee.Node] = getattr(meta, "columns", {})
        self.includes: Mapping[str, Any] = getattr(meta, "includes", {})
        self.filterable: tuple[str, ...] = getattr(meta, "filterable", ())
        self.filters: dict[str, Filter] = getattr(meta, "filters", {})
        self.sortable: tuple[str, ...] = getattr(meta, "sortable", ())
        self.sort: tuple[str, ...] = getattr(meta, "sort", ("-id",))
        self.orders: Mapping[str, Any] = getattr(meta, "orders", {})
        self.per_caller: Mapping[str, tuple[Any, ...]] = getattr(meta, "per_caller", {})
        self.extensions: tuple[Extension, ...] = getattr(meta, "extensions", ())
        self.key: str = getattr(meta, "key", "id")
        self.search: Search | None = getattr(meta, "search", None)
        self.hook_columns: tuple[Any, ...] = getattr(meta, "hook_columns", ())
        self.kinds: Mapping[str, type[Schema]] = getattr(meta, "kinds", {})


class Schema(marshmallow.Schema):
    """Base class; the module's docstring lists the options of `Meta`."""

    OPTIONS_CLASS = SchemaOptions
    opts: SchemaOptions


class DeletedParameter(Schema):
    """The query parameter of lists whose rows can be restored."""

    deleted = marshmallow.fields.String(
        load_default=None,
        validate=marshmallow.validate.OneOf(("with", "only")),
        metadata={"description": "`with` includes deleted objects, `only` returns nothing else. Admins only."},
    )


@cache
def schema_instance(schema: type[Schema]) -> Schema:
    """Return the shared instance of a schema."""
    return schema()


@cache
def readable_columns(schema: type[Schema]) -> Mapping[str, Any]:
    """Return the SQL columns of a representation by field name, in the order of declaration."""
    options = schema.opts
    columns = {}
    for name, field in schema_instance(schema).fields.items():
        if not field.load_only:
            columns[name] = options.columns.get(name) or getattr(options.model, field.attribute or name)
    return columns


def body_schema(schema: type[Schema], document: Any) -> type[Schema]:
    """Return the schema that validates a body: where there are kinds, that of its `kind`, by default the first."""
    kinds = schema.opts.kinds
    if not kinds:
        return schema
    kind = document.get("kind", next(iter(kinds))) if isinstance(document, dict) else next(iter(kinds))
    if not isinstance(kind, str) or kind not in kinds:
        raise ValidationError({"kind": [f"Must be one of: {', '.join(kinds)}."]})
    return kinds[kind]


@cache
def writable_fields(schema: type[Schema]) -> Mapping[str, Any]:
    """Return the fields that a body may have, by name."""
    return {name: field for name, field in schema_instance(schema).fields.items() if not field.dump_only}


@cache
def requires_body(schema: type[Schema]) -> bool:
    """Return whether a request must have a body; if no field is required, a missing body means an empty object."""
    return any(field.required for field in writable_fields(schema).values())


def writable_document(schema: type[Schema], record: Any) -> dict[str, Any]:
    """Return the writable fields of a record as the JSON document that a PUT would send."""
    return {name: field.serialize(name, record) for name, field in writable_fields(schema).items()}
