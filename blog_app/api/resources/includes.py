"""Includes: eager loading of the related objects that `?include=` adds to a representation, without N+1 queries.

In a list, the object that a foreign key names comes by a LEFT JOIN in the row's own statement. Everything else is
fetched for all rows together, by one statement an include: objects behind a join table, or, across logical databases,
what another domain's `directory` returns. An item gets related objects of its own database by a subquery in its own
statement: for one row a round trip costs more than a subquery, which in a list would run once a row, and PostgreSQL
takes longer to plan a join than to run it.

Includes of included objects (`include=items.product`) are fetched for all of them together, by one statement a level.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import peewee

from blog_app.api.resources.schema import Schema, readable_columns
from blog_app.data import cache
from blog_app.data.compiled.row_decoders import column_sources, compile_decoder, dict_source, json_sources
from blog_app.data.models import any_of, batch_lookup, fetch_rows, not_deleted, subquery_column

Fetch = Callable[[list[Any]], dict[Any, Any]]


@dataclass(frozen=True)
class JoinedInclude:
    """One related object of the same logical database, fetched by a LEFT JOIN in the row's own statement."""

    schema: type[Schema]
    key: peewee.ForeignKeyField
    alias: peewee.ModelAlias
    columns: dict[str, Any]
    subquery: SubqueryInclude | None
    batch: BatchInclude
    """The same for objects that are included themselves."""

    many = False

    @property
    def reads(self) -> tuple[Any, ...]:
        """The models that it is read from."""
        return (self.schema.opts.model,)

    def join(self, source: Any) -> peewee.Join:
        """Return `source`, which has the rows of the including model, joined with the related ones."""
        return peewee.Join(source, self.alias, peewee.JOIN.LEFT_OUTER, _join_condition(self.alias, self.key))

    def decoder_source(self, first: int) -> str:
        """Return the decoder source of the related object in a row in which `columns` begin at the index `first`."""
        key_index = first + list(self.columns).index("id")
        return f"{dict_source(column_sources(self.columns, first))} if row[{key_index}] is not None else None"


class SubqueryInclude(NamedTuple):
    """Related objects of an item, fetched by a subquery in its own statement."""

    column: peewee.Node
    """The subquery: an array of them, each as JSON."""
    element_source: str
    """The decoder source of one of them; see `blog_app.data.compiled.row_decoders`."""
    many: bool

    def decoder_source(self, index: int) -> str:
        """Return the decoder source of the related objects in a row that has their array at this index."""
        objects = f"[{self.element_source} for row in map(loads, row[{index}])]"
        return objects if self.many else f"next(iter({objects}), None)"


@dataclass(frozen=True)
class BatchInclude:
    """Related objects of all rows, fetched by one more statement; an item may have a `subquery` instead."""

    schema: type[Schema]
    key: peewee.Field
    """The column of the row whose values `fetch` takes."""
    fetch: Fetch
    many: bool
    reads: tuple[Any, ...]
    """The models that it is read from."""
    subquery: SubqueryInclude | None = None

    @property
    def batch(self) -> BatchInclude:
        return self

    def add(self, name: str, rows: list[dict[str, Any]], keys: list[Any]) -> None:
        """Put the related objects of each row under `name`; `keys` are the rows' keys, in the same order."""
        unique = {key for key in keys if key is not None}
        related = self.fetch(list(unique)) if unique else {}
        nothing: Any = [] if self.many else None
        for row, key in zip(rows, keys, strict=True):
            row[name] = related.get(key, nothing)


def belongs_to(schema: type[Schema], key: peewee.ForeignKeyField) -> JoinedInclude:
    """Include the one row that a foreign key names; the schema must show its `id`."""
    model = schema.opts.model
    alias = model.alias()
    columns = {name: getattr(alias, node.name) for name, node in readable_columns(schema).items()}
    query = alias.select(_as_json(columns)).where(_join_condition(alias, key))
    batch = _one(_batch(schema, key, model.select(), model.id, key == model.id, reads=(model,)))
    return JoinedInclude(schema, key, alias, columns, _subquery(query, schema, many=False), batch)


def from_directory(fetch: Fetch, schema: type[Schema], key: peewee.Field) -> BatchInclude:
    """Include the one object of another logical database that `fetch`, of its directory, returns for a key."""
    declared = cache.reads_of(fetch)
    if declared is None:
        raise TypeError(f"{fetch.__qualname__} must declare what it reads (@cache.reads)")
    return BatchInclude(schema, key, fetch, many=False, reads=declared.models)


def many_to_many(
    schema: type[Schema], key: peewee.Field, through: peewee.ForeignKeyField, to: peewee.ForeignKeyField
) -> BatchInclude:
    """Include the objects at the far side of a join table: `through` points here, `to` points there."""
    model = schema.opts.model
    query = model.select().join(through.model, on=(to == model.id))
    linked = peewee.fn.ARRAY(through.model.select(to).where(through == key))
    return _batch(schema, key, query, through, model.id == peewee.fn.ANY(linked), reads=(model, through.model))


def has_many(schema: type[Schema], key: peewee.Field, by: peewee.ForeignKeyField) -> BatchInclude:
    """Include the objects whose foreign key `by` names the row."""
    model = schema.opts.model
    return _batch(schema, key, model.select(), by, by == key, reads=(model,))


def has_first(schema: type[Schema], key: peewee.Field, query: peewee.ModelSelect, limit: int) -> BatchInclude:
    """Include the first rows of `query`, by id, which compares them with `key`: one scan of an index for each row."""
    columns = readable_columns(schema)
    decode = compile_decoder(dict_source(column_sources(columns, 1)))
    first = query.select(*[column.alias(name) for name, column in columns.items()]).order_by(schema.opts.model.id)
    found = first.limit(limit).alias("found")
    names = [subquery_column(name) for name in columns]
    rows = key.model.select(key, *names).join(found, peewee.JOIN.LATERAL, on=peewee.SQL("true"))

    def fetch(keys: list[Any]) -> dict[Any, Any]:
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in fetch_rows(rows.where(any_of(key, keys)).order_by(subquery_column("id"))):
            groups.setdefault(row[0], []).append(decode(row))
        return groups

    return BatchInclude(schema, key, fetch, many=True, reads=(schema.opts.model,))


def has_one(schema: type[Schema], key: peewee.Field, by: peewee.ForeignKeyField) -> BatchInclude:
    """Include the one object, if any, whose foreign key `by`, which is unique, names the row."""
    return _one(has_many(schema, key, by))


def _one(include: BatchInclude) -> BatchInclude:
    """Return an include of many objects, of which there is at most one, as an include of one."""

    def fetch(keys: list[Any]) -> dict[Any, Any]:
        return {key: related for key, (related,) in include.fetch(keys).items()}

    subquery = include.subquery and include.subquery._replace(many=False)
    return replace(include, fetch=fetch, many=False, subquery=subquery)


def _batch(
    schema: type[Schema],
    key: peewee.Field,
    query: peewee.ModelSelect,
    by: peewee.ForeignKeyField,
    condition: peewee.Expression,
    *,
    reads: tuple[Any, ...],
) -> BatchInclude:
    """Include the rows of `query`, grouped by the value of `by`; those of an item are all for which `condition` holds.

    The condition compares the row's `key` with `by`.
    """
    model = schema.opts.model
    columns = readable_columns(schema)
    rows_of_keys = batch_lookup(by, query.select(by, *columns.values()).order_by(model.id))
    decode = compile_decoder(dict_source(column_sources(columns, 1)))

    def fetch(keys: list[Any]) -> dict[Any, Any]:
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in rows_of_keys(keys):
            groups.setdefault(row[0], []).append(decode(row))
        return groups

    subquery = None
    if key.model not in (model, by.model):  # Inside a subquery on the same table, `key` would be the subquery's column.
        of_item = model.select(_as_json(columns)).where(condition).order_by(model.id)
        subquery = _subquery(of_item, schema, many=True)
    return BatchInclude(schema, key, fetch, many=True, reads=reads, subquery=subquery)


def _subquery(query: peewee.ModelSelect, schema: type[Schema], *, many: bool) -> SubqueryInclude | None:
    sources = json_sources(readable_columns(schema))
    return None if sources is None else SubqueryInclude(peewee.fn.ARRAY(query), dict_source(sources), many)


def _as_json(columns: Mapping[str, Any]) -> peewee.Node:
    return peewee.Cast(peewee.fn.json_build_array(*columns.values()), "text")


def _join_condition(alias: peewee.ModelAlias, key: peewee.ForeignKeyField) -> peewee.Expression:
    """Return the condition that `key` names the row of `alias`, and that the row is not deleted."""
    return (key == alias.id) & not_deleted(alias)
