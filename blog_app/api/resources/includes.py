"""What `?include=` adds to a representation: related objects, without a statement a row.

The one object that a foreign key names is joined into the row's own statement. Anything else is fetched for all rows at
once, by one statement an include: the many objects behind a join table, or, across databases, what another domain's
`directory` tells. But where one row is shown alone, whatever is of its own database comes beside it, by a subquery in
its own statement: there a round trip costs more than the subquery, which for a list would run once a row, and to plan a
join takes PostgreSQL longer than to run it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import peewee

from blog_app.api.resources.schema import Schema, readable
from blog_app.data import cache
from blog_app.data.compiled.rows import from_json, literal, maker, places
from blog_app.data.models import not_deleted, rows_by

Fetch = Callable[[list[Any]], dict[Any, Any]]


@dataclass(frozen=True)
class Joined:
    """One related object of the same logical database, fetched by a LEFT JOIN in the row's own statement."""

    schema: type[Schema]
    key: peewee.ForeignKeyField
    source: peewee.ModelAlias
    columns: dict[str, Any]
    beside: Beside | None

    many = False

    @property
    def reads(self) -> tuple[Any, ...]:
        """What it is read from."""
        return (self.schema().opts.model,)

    def join(self, rows: Any) -> peewee.Join:
        """Return the source of `rows`, among which are those of the model, with the related ones at hand."""
        return peewee.Join(rows, self.source, peewee.JOIN.LEFT_OUTER, _is_named(self.source, self.key))

    def literal(self, first: int) -> str:
        """Return the source of the related object of a row in which `columns` begin at the place `first`."""
        place = first + list(self.columns).index("id")
        return f"{literal(places(self.columns, first))} if row[{place}] is not None else None"


class Beside(NamedTuple):
    """How a row that is shown alone gets related objects in its own statement."""

    node: peewee.Node
    """A subquery for an array of them, each as JSON."""
    each: str
    """The source of one of them; see `blog_app.data.compiled.rows`."""
    many: bool

    def literal(self, place: int) -> str:
        """Return the source of them in a row which has their array at this place."""
        found = f"[{self.each} for row in map(loads, row[{place}])]"
        return found if self.many else f"next(iter({found}), None)"


@dataclass(frozen=True)
class Fetched:
    """Related objects that one more statement fetches for all rows: where they start, and how to get them."""

    schema: type[Schema]
    key: peewee.Field
    fetch: Fetch
    many: bool
    reads: tuple[Any, ...]
    """What it is read from."""
    beside: Beside | None = None

    def add(self, name: str, rows: list[dict[str, Any]], keys: list[Any]) -> None:
        """Put the related objects of each row under `name`; `keys` are the rows' keys, in their order."""
        wanted = {key for key in keys if key is not None}
        found = self.fetch(list(wanted)) if wanted else {}
        nothing: Any = [] if self.many else None
        for row, key in zip(rows, keys, strict=True):
            row[name] = found.get(key, nothing)


def one(schema: type[Schema], key: peewee.ForeignKeyField) -> Joined:
    """Include the one row that a foreign key names; the schema must show its `id`."""
    model = schema().opts.model
    alias = model.alias()
    columns = {name: getattr(alias, node.name) for name, node in readable(schema).items()}
    query = alias.select(_as_json(columns)).where(_is_named(alias, key))
    return Joined(schema, key, alias, columns, _beside(query, schema, many=False))


def one_from(fetch: Fetch, schema: type[Schema], key: peewee.Field) -> Fetched:
    """Include the one object of another logical database that `fetch`, of that domain's directory, finds for a key."""
    declared = cache.reads_of(fetch)
    if declared is None:
        raise TypeError(f"{fetch.__qualname__} must say what it reads (@cache.reads)")
    return Fetched(schema, key, fetch, many=False, reads=declared.models)


def many(
    schema: type[Schema],
    key: peewee.Field,
    through: peewee.ForeignKeyField,
    to: peewee.ForeignKeyField,
) -> Fetched:
    """Include the objects at the far side of a join table: `through` points here, `to` points there."""
    model = schema().opts.model
    query = model.select().join(through.model, on=(to == model.id))
    linked = peewee.fn.ARRAY(through.model.select(to).where(through == key))
    beside = _all_beside(schema, model.id == peewee.fn.ANY(linked), key, through)
    return _related(schema, key, query, through, beside, reads=(model, through.model))


def owned(schema: type[Schema], key: peewee.Field, by: peewee.ForeignKeyField) -> Fetched:
    """Include the objects that belong to the row: those whose foreign key `by` names it."""
    model = schema().opts.model
    return _related(schema, key, model.select(), by, _all_beside(schema, by == key, key, by), reads=(model,))


def owned_one(schema: type[Schema], key: peewee.Field, by: peewee.ForeignKeyField) -> Fetched:
    """Include the one object that belongs to the row, if there is one: its foreign key `by` is unique."""
    several = owned(schema, key, by)

    def fetch(keys: list[Any]) -> dict[Any, Any]:
        return {key: found for key, (found,) in several.fetch(keys).items()}

    beside = several.beside and several.beside._replace(many=False)
    return Fetched(schema, key, fetch, many=False, reads=several.reads, beside=beside)


def _related(
    schema: type[Schema],
    key: peewee.Field,
    query: peewee.ModelSelect,
    by: peewee.ForeignKeyField,
    beside: Beside | None,
    reads: tuple[Any, ...],
) -> Fetched:
    """Return the include of the rows of `query` whose `by` is the `key` of the row that is shown."""
    columns = readable(schema)
    fetch = _grouped(query.select(by, *columns.values()).order_by(query.model.id), by, columns)
    return Fetched(schema, key, fetch, many=True, reads=reads, beside=beside)


def _all_beside(
    schema: type[Schema], condition: peewee.Expression, key: peewee.Field, by: peewee.ForeignKeyField
) -> Beside | None:
    """Return how a row gets all objects for which the condition holds, which is about its `key` and their `by`."""
    model = schema().opts.model
    if key.model in (model, by.model):  # In a subquery on the same table, `key` would be its.
        return None
    query = model.select(_as_json(readable(schema))).where(condition).order_by(model.id)
    return _beside(query, schema, many=True)


def _beside(query: peewee.ModelSelect, schema: type[Schema], *, many: bool) -> Beside | None:
    values = from_json(readable(schema))
    return None if values is None else Beside(peewee.fn.ARRAY(query), literal(values), many)


def _as_json(columns: Mapping[str, Any]) -> peewee.Node:
    return peewee.Cast(peewee.fn.json_build_array(*columns.values()), "text")


def _is_named(source: peewee.ModelAlias, key: peewee.ForeignKeyField) -> peewee.Expression:
    """Return the condition that `key` names the row of `source`, and that it may be shown."""
    return (key == source.id) & not_deleted(source)


def _grouped(query: peewee.ModelSelect, by: peewee.ForeignKeyField, columns: Iterable[str]) -> Fetch:
    """Return a look-up of the rows of `query`, which begin with `by`, by its value."""
    rows = rows_by(by, query)
    made = maker(literal(places(columns, 1)))

    def fetch(keys: list[Any]) -> dict[Any, Any]:
        found: dict[Any, list[dict[str, Any]]] = {}
        for row in rows(keys):
            found.setdefault(row[0], []).append(made(row))
        return found

    return fetch
