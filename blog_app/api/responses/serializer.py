"""Serializer: from a Peewee query to dictionaries, by one statement for the rows and at most one more for each include.

The row tuples of the driver become dictionaries for orjson directly: nothing in them needs model instances or
marshmallow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import peewee

from blog_app.api.requests import cursors
from blog_app.api.requests.cursors import SortKey
from blog_app.api.requests.query_string import Fieldset, ListArguments
from blog_app.api.resources.includes import BatchInclude, JoinedInclude
from blog_app.api.resources.nested_includes import add_nested
from blog_app.api.resources.schema import Extension, Schema, readable_columns
from blog_app.data.compiled import Reusable, reusable_columns
from blog_app.data.compiled.row_decoders import RowDecoder, column_sources, compile_decoder, dict_source
from blog_app.data.models import fetch_rows

Row = tuple[Any, ...]
MAX_COUNTED = 10_000
"""How many rows are counted for a numbered page without `count=true`: some milliseconds."""


@dataclass(frozen=True)
class Selection:
    """What a query selects for a fieldset: the columns of the fields first, then those for includes and sort keys."""

    columns: tuple[Any, ...]
    decode: RowDecoder
    """Returns the dictionary of a row, with the includes that are in its own statement."""
    model: Any
    source: Any
    """The model, joined with the includes that are joined."""
    orders: tuple[tuple[Any, ...], ...]
    """The terms of ORDER BY, forwards and backwards; empty for an item."""
    keys: tuple[int, ...]
    """The indexes of the sort keys' columns; for an item, those of its version and of `hook_columns`."""
    joined: tuple[JoinedInclude | Extension, ...]
    batches: tuple[tuple[str, BatchInclude, int], ...]
    """The name of each batch include, and the index of its key's column."""
    schema: type[Schema]
    fieldset: Fieldset

    def rows(self, query: peewee.ModelSelect, limit: int | None = None, *, backwards: bool = False) -> list[Row]:
        """Return the row tuples of `query` with the selected columns, at most `limit`."""
        query = query.clone()
        # What select(), join(), order_by() and limit() do, without a clone each.
        query._returning = self.columns
        first = query._from_list[-1]
        query._from_list[-1] = self.source if first is self.model else _with_joined(first, self.joined)
        query._order_by = self.orders[backwards] or query._order_by
        query._limit = limit
        return fetch_rows(query)


@dataclass(frozen=True)
class Item:
    """One resource."""

    data: dict[str, Any]
    version: int
    hook_values: tuple[str, ...]


@lru_cache(maxsize=1024)
def build_selection(
    schema: type[Schema], fieldset: Fieldset, sort_keys: tuple[SortKey, ...] = (), item: bool = False
) -> Selection:
    """Return the selection for a fieldset, the sort keys of a list and, for an item, its version and `hook_columns`."""
    readable = readable_columns(schema)
    options = schema.opts
    columns = [readable[name] for name in fieldset.fields]

    def index_of(column: Any) -> int:
        for index, existing in enumerate(columns):
            if existing is column:
                return index
        columns.append(column)
        return len(columns) - 1

    key_columns = (options.model.version, *options.hook_columns) if item else [key.column for key in sort_keys]
    keys = tuple(index_of(column) for column in key_columns)
    joined: list[JoinedInclude | Extension] = list(_extensions(schema, fieldset, sort_keys))
    batches, related = [], {}
    for name in fieldset.includes:
        include: JoinedInclude | BatchInclude = options.includes[name]
        if item and include.subquery:
            related[name] = include.subquery.decoder_source(len(columns))
            columns.append(include.subquery.column)
        elif isinstance(include, JoinedInclude):
            joined.append(include)
            related[name] = include.decoder_source(len(columns))
            columns.extend(include.columns.values())
        else:
            related[name] = "None"
            batches.append((name, include, index_of(include.key)))
    orders = tuple(reusable_columns(key.ordering(reverse=each) for key in sort_keys) for each in (False, True))
    source = Reusable(_with_joined(options.model, joined)) if joined else options.model
    decode = compile_decoder(dict_source(column_sources(fieldset.fields) | related))
    selected = reusable_columns(columns)
    return Selection(
        selected, decode, options.model, source, orders, keys, tuple(joined), tuple(batches), schema, fieldset
    )


def _extensions(schema: type[Schema], fieldset: Fieldset, sort_keys: tuple[SortKey, ...]) -> Iterable[Extension]:
    """Yield the extensions that are needed. If one is sorted by, its index gives the order: it must have the row."""
    orders = {key.name for key in sort_keys}
    for extension in schema.opts.extensions:
        if not orders.isdisjoint(extension.fields):
            yield replace(extension, join_type=peewee.JOIN.INNER)
        elif not set(fieldset.fields).isdisjoint(extension.fields):
            yield extension


def _with_joined(source: Any, joined: Iterable[JoinedInclude | Extension]) -> Any:
    """Return `source` joined with these includes and extensions."""
    for each in joined:
        source = each.join(source)
    return source


def represent(selection: Selection, tuples: list[Row]) -> list[dict[str, Any]]:
    """Return the row tuples as dictionaries, with all includes."""
    rows = [selection.decode(row) for row in tuples]
    for name, include, index in selection.batches:
        include.add(name, rows, [row[index] for row in tuples])
    fieldset = selection.fieldset
    if fieldset.nested or fieldset.pruned:
        add_nested(selection.schema, rows, fieldset.nested, fieldset.pruned)
    return rows


def fetch_item(schema: type[Schema], query: peewee.ModelSelect, fieldset: Fieldset) -> Item | None:
    """Return the one row of `query`, which selects by a key; None if there is none."""
    selection = build_selection(schema, fieldset, item=True)
    tuples = selection.rows(query)  # Without LIMIT: it would make planning slower, and there is one row at most.
    if not tuples:
        return None
    version, *hook_values = (tuples[0][index] for index in selection.keys)
    return Item(represent(selection, tuples)[0], version, tuple(hook_values))


def fetch_page(schema: type[Schema], query: peewee.ModelSelect, arguments: ListArguments) -> dict[str, Any]:
    """Return the page of `query` that the arguments select: its rows as `data`, its pagination as `page`."""
    selection = build_selection(schema, arguments.fieldset, arguments.keys)
    if arguments.conditions:
        query = query.where(*arguments.conditions)
    search = schema.opts.search
    if arguments.search and search:
        query = search.filter(query, arguments.search)
    total = _total(query, arguments)
    backwards = arguments.cursor is not None and arguments.cursor.backwards
    if arguments.cursor is not None:
        query = query.where(cursors.keyset_condition(arguments.keys, arguments.cursor))
    if arguments.page is not None:
        query = query.offset((arguments.page - 1) * arguments.limit)
    tuples = selection.rows(query, arguments.limit + 1, backwards=backwards)
    more = len(tuples) > arguments.limit
    del tuples[arguments.limit :]
    if backwards:
        tuples.reverse()
    page = _pagination(arguments, selection, tuples, more=more)
    if arguments.page is not None:
        page |= {"pages": None if total is None else -(-total // arguments.limit), "total": total}
    elif total is not None:
        page["total"] = total
    return {"data": represent(selection, tuples), "page": page}


def _total(query: peewee.ModelSelect, arguments: ListArguments) -> int | None:
    """Return the number of rows if it is asked for; for a numbered page also up to `MAX_COUNTED`, else None."""
    if arguments.count:
        return int(query.count())
    if arguments.page is None:
        return None
    found = int(query.limit(MAX_COUNTED + 1).count(clear_limit=False))
    return found if found <= MAX_COUNTED else None


def _pagination(arguments: ListArguments, selection: Selection, tuples: list[Row], *, more: bool) -> dict[str, Any]:
    info: dict[str, Any] = {"limit": arguments.limit}
    if arguments.page is not None:
        info["page"] = arguments.page
        info["next"] = arguments.page + 1 if more else None
        info["previous"] = arguments.page - 1 if arguments.page > 1 else None
        return info

    def cursor_at(row: Row, *, backwards: bool) -> str:
        return cursors.encode(arguments.keys, [row[index] for index in selection.keys], backwards=backwards)

    backwards = arguments.cursor is not None and arguments.cursor.backwards
    has_previous = more if backwards else arguments.cursor is not None
    info["next"] = cursor_at(tuples[-1], backwards=False) if tuples and (more or backwards) else None
    info["previous"] = cursor_at(tuples[0], backwards=True) if tuples and has_previous else None
    return info
