"""The base of all schemas: one class says what a resource looks like, what may be written, and how it is read.

Marshmallow validates input and documents; it never walks rows on the way out. A schema's `Meta` declares the rest:

* `model`: the Peewee model whose rows it shows. A field shows the model's field of the same name (or `attribute`).
* `columns`: SQL expressions for fields that are not columns.
* `includes`: what `?include=` can add, each by at most one statement (`blog_app.api.resources.includes`).
* `filterable`, `filters`: fields that filters may name; filters of their own (`blog_app.api.requests.conditions`).
* `sortable`, `sort`: fields that `?sort=` may name; the order without it.
* `key`: the field that no two rows share, which makes every order complete.
* `search`: what `?q=` does, where the resource has text (`blog_app.api.resources.search`).
* `about`: columns that tell those who watch reads (`blog_app.api.execution.read_hooks`) which record is shown.
* `kinds`: where the field `kind` says what else a body holds, the schema of each kind of body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol, cast

import marshmallow
import peewee
from marshmallow import RAISE, ValidationError

from blog_app.api.resources.filters import Filter
from blog_app.api.resources.search import Search


class Include(Protocol):
    """What `?include=` can add to a representation (`blog_app.api.resources.includes` has the kinds)."""

    @property
    def schema(self) -> type[Schema]:
        """What the related objects look like."""

    @property
    def many(self) -> bool:
        """Whether a list of objects is added, or one."""

    @property
    def reads(self) -> tuple[Any, ...]:
        """The models that it is read from."""


class PerRequest(peewee.ColumnBase):
    """An SQL expression for `columns` that depends on who asks: it is made anew for every statement, filters too."""

    __hash__ = object.__hash__

    def __init__(self, expression: Callable[[], peewee.Node]) -> None:
        self.expression = expression

    def __sql__(self, ctx: Any) -> Any:
        return ctx.sql(self.expression())


class SchemaOptions(marshmallow.SchemaOpts):
    """The `Meta` of a `Schema`, with its defaults."""

    def __init__(self, meta: type, *args: Any, **kwargs: Any) -> None:
        super().__init__(meta, *args, **kwargs)
        self.unknown = getattr(meta, "unknown", RAISE)
        self.model: Any = getattr(meta, "model", None)
        self.columns: Mapping[str, peewee.Node] = getattr(meta, "columns", {})
        self.includes: Mapping[str, Include] = getattr(meta, "includes", {})
        self.filterable: tuple[str, ...] = getattr(meta, "filterable", ())
        self.filters: Mapping[str, Filter] = getattr(meta, "filters", {})
        self.sortable: tuple[str, ...] = getattr(meta, "sortable", ())
        self.sort: tuple[str, ...] = getattr(meta, "sort", ("-id",))
        self.key: str = getattr(meta, "key", "id")
        self.search: Search | None = getattr(meta, "search", None)
        self.about: tuple[Any, ...] = getattr(meta, "about", ())
        self.kinds: Mapping[str, type[Schema]] = getattr(meta, "kinds", {})


class Schema(marshmallow.Schema):
    """Base class; see the module's docstring for what `Meta` may say."""

    OPTIONS_CLASS = SchemaOptions
    opts: SchemaOptions


class DeletedParameter(Schema):
    """The parameter of lists whose rows can be restored."""

    deleted = marshmallow.fields.String(
        load_default=None,
        validate=marshmallow.validate.OneOf(("with", "only")),
        metadata={"description": "`with`: show what is deleted too; `only`: nothing else. For administrators."},
    )


@cache
def shared(schema: type[Schema]) -> Schema:
    """Return the one instance of a schema that validation and documentation use."""
    return schema()


@cache
def readable(schema: type[Schema]) -> Mapping[str, Any]:
    """Return the nodes that a representation selects, by public field name, in the order of declaration."""
    options = shared(schema).opts
    found = {}
    for name, field in shared(schema).fields.items():
        if not field.load_only:
            found[name] = options.columns.get(name) or getattr(options.model, field.attribute or name)
    return found


def of_kind(schema: type[Schema], document: Any) -> type[Schema]:
    """Return the schema that a body is validated by: where there are kinds, the one of its kind (the first if none)."""
    kinds = shared(schema).opts.kinds
    if not kinds:
        return schema
    kind = document.get("kind", next(iter(kinds))) if isinstance(document, dict) else next(iter(kinds))
    if not isinstance(kind, str) or kind not in kinds:
        raise ValidationError({"kind": [f"Must be one of: {', '.join(kinds)}."]})
    return kinds[kind]


@cache
def requires_body(schema: type[Schema]) -> bool:
    """Return whether a request must have a body; without a required field, none means an empty object."""
    return any(field.required for field in shared(schema).fields.values() if not field.dump_only)


def writable_document(schema: type[Schema], record: Any) -> dict[str, Any]:
    """Return the writable part of a record as the JSON document that a PUT would have sent."""
    instance = shared(schema)
    names = [name for name, field in instance.fields.items() if not field.dump_only]
    return {name: cast(Any, instance.fields[name]).serialize(name, record) for name in names}
