"""What `?include=` adds to a representation: related objects, one statement an include, however many rows.

An include knows which hidden column of the row it starts from (`key`) and a `fetch` that turns all the keys of a page
into the related representations at once. Within a logical database `fetch` comes from a schema; across databases it is
a batch look-up of another domain's `directory`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import peewee

from blog_app.http.schema import Schema, readable
from blog_app.models import rows_of

Fetch = Callable[[Iterable[Any]], dict[Any, Any]]


@dataclass(frozen=True)
class Include:
    """Related objects of one kind: where they start, how they are fetched, what they look like."""

    schema: type[Schema]
    key: peewee.Field
    fetch: Fetch
    many: bool = False

    def add(self, name: str, rows: list[dict[str, Any]], keys: list[Any]) -> None:
        """Put the related objects of each row under `name`; `keys` are the rows' keys, in their order."""
        wanted = {key for key in keys if key is not None}
        found = self.fetch(wanted) if wanted else {}
        nothing: Any = [] if self.many else None
        for row, key in zip(rows, keys, strict=True):
            row[name] = found.get(key, nothing)


def one(schema: type[Schema], key: peewee.Field, fetch: Fetch | None = None) -> Include:
    """Include the one object that `key` names: a row of the schema's model, or what `fetch` finds elsewhere."""
    return Include(schema, key, fetch or _by_id(schema))


def many(
    schema: type[Schema], key: peewee.Field, through: peewee.ForeignKeyField, to: peewee.ForeignKeyField
) -> Include:
    """Include the objects at the far side of a join table: `through` points here, `to` points there."""
    return Include(schema, key, _through(schema, through, to), many=True)


def _by_id(schema: type[Schema]) -> Fetch:
    model = schema().opts.model
    columns = readable(schema)

    def fetch(keys: Iterable[Any]) -> dict[Any, Any]:
        query = model.select(model.id, *columns.values()).where(model.id.in_(list(keys)))
        return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows_of(query)}

    return fetch


def _through(schema: type[Schema], through: peewee.ForeignKeyField, to: peewee.ForeignKeyField) -> Fetch:
    model = schema().opts.model
    columns = readable(schema)

    def fetch(keys: Iterable[Any]) -> dict[Any, Any]:
        query = (
            model.select(through, *columns.values())
            .join(through.model, on=(to == model.id))
            .where(through.in_(list(keys)))
            .order_by(model.id)
        )
        found: dict[Any, list[dict[str, Any]]] = {}
        for row in rows_of(query):
            found.setdefault(row[0], []).append(dict(zip(columns, row[1:], strict=True)))
        return found

    return fetch
