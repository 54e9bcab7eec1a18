"""What `?include=` adds to a representation: related objects, without a statement a row.

The one object that a foreign key names is joined into the row's own statement. Anything else is fetched for all rows at
once, by one statement an include: the many objects behind a join table, or, across databases, what another domain's
`directory` tells. But where one row is shown alone, the many of its own database come beside it in its own statement:
there a round trip costs more than the subquery, which for a list would run once a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import peewee

from blog_app import cache
from blog_app.http.rows import from_json, literal, maker, places
from blog_app.http.schema import Schema, readable
from blog_app.models import not_deleted, rows_by

Fetch = Callable[[list[Any]], dict[Any, Any]]


@dataclass(frozen=True)
class Joined:
    """One related object of the same logical database, fetched by a LEFT JOIN in the row's own statement."""

    schema: type[Schema]
    key: peewee.ForeignKeyField
    source: peewee.ModelAlias
    columns: dict[str, Any]

    many = False

    @property
    def reads(self) -> tuple[Any, ...]:
        """What it is read from."""
        return (self.schema().opts.model,)

    def join(self, rows: Any) -> peewee.Join:
        """Return the source of `rows`, among which are those of the model, with the related ones at hand."""
        related = (self.key == self.columns["id"]) & not_deleted(self.source)
        return peewee.Join(rows, self.source, peewee.JOIN.LEFT_OUTER, related)

    def literal(self, first: int) -> str:
        """Return the source of the related object of a row in which `columns` begin at the place `first`."""
        place = first + list(self.columns).index("id")
        return f"{literal(places(self.columns, first))} if row[{place}] is not None else None"


class Beside(NamedTuple):
    """How a row that is shown alone gets related objects in its own statement."""

    node: peewee.Node
    """A subquery for them, as JSON."""
    each: str
    """The source of one of them; see `blog_app.http.rows`."""
    many: bool = True

    def literal(self, place: int) -> str:
        """Return the source of them in a row which has their JSON at this place."""
        found = f"[{self.each} for row in loads(row[{place}] or '[]')]"
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


Include = Joined | Fetched


def one(schema: type[Schema], key: peewee.ForeignKeyField) -> Joined:
    """Include the one row that a foreign key names; the schema must show its `id`."""
    model = schema().opts.model
    alias = model.alias()
    columns = {name: getattr(alias, node.name) for name, node in readable(schema).items()}
    return Joined(schema, key, alias, columns)


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
    return _related(schema, key, query, through, reads=(model, through.model))


def owned(schema: type[Schema], key: peewee.Field, by: peewee.ForeignKeyField) -> Fetched:
    """Include the objects that belong to the row: those whose foreign key `by` names it."""
    model = schema().opts.model
    return _related(schema, key, model.select(), by, reads=(model,))


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
    reads: tuple[Any, ...],
) -> Fetched:
    """Return the include of the rows of `query` whose `by` is the `key` of the row that is shown."""
    columns = readable(schema)
    fetch = _grouped(query.select(by, *columns.values()).order_by(query.model.id), by, columns)
    return Fetched(schema, key, fetch, many=True, reads=reads, beside=_beside(query, by, key, columns))


def _beside(
    query: peewee.ModelSelect, by: peewee.ForeignKeyField, key: peewee.Field, columns: Mapping[str, Any]
) -> Beside | None:
    values = from_json(columns)
    if values is None or key.model in (query.model, by.model):  # In a subquery on the same table, `key` would be its.
        return None
    rows = peewee.fn.json_agg(peewee.fn.json_build_array(*columns.values())).order_by(query.model.id)
    node = query.select(peewee.Cast(rows, "text")).where(by == key)
    return Beside(node, literal(values))


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
