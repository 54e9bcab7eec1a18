"""From a Peewee query to the bytes of a response: one statement for the rows, at most one more for each include.

Rows come from the driver as plain tuples and go to orjson as dictionaries; no model instance is built and marshmallow
does not walk them, because nothing in them needs either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from hashlib import blake2b
from typing import Any, cast

import orjson
import peewee

from blog_app.api.requests import cursors
from blog_app.api.requests.cursors import SortKey
from blog_app.api.requests.query_string import ListArguments, Shape
from blog_app.api.resources.includes import Fetched, Joined
from blog_app.api.resources.schema import Schema, readable, shared
from blog_app.data.compiled import Lasting
from blog_app.data.compiled import columns as columns_of
from blog_app.data.compiled.rows import Maker, literal, maker, places
from blog_app.data.models import rows_of

JSON_OPTIONS = orjson.OPT_UTC_Z


@dataclass(frozen=True)
class Selection:
    """What is selected for a shape: the wanted fields first, then the columns that only we need."""

    nodes: tuple[Any, ...]
    made: Maker
    """Makes the dictionary of a row, with the includes that are joined."""
    model: Any
    source: Any
    """The model with what is joined to it."""
    orders: tuple[tuple[Any, ...], ...]
    """The terms of ORDER BY, forwards and backwards; empty for an item."""
    keys: tuple[int, ...]
    """Where the values of the sort keys are; for an item, its version and what it is about."""
    joined: tuple[Joined, ...]
    fetched: tuple[tuple[str, Fetched, int], ...]
    """Each include that is fetched, with the place of the column it starts from."""

    def rows(
        self, query: peewee.ModelSelect, limit: int | None = None, *, backwards: bool = False
    ) -> list[tuple[Any, ...]]:
        """Return the raw rows of `query` with the selected columns, at most `limit` if there is one."""
        query = query.clone()
        # What select(), join(), order_by() and limit() do, without a clone and a look at each part.
        query._returning = self.nodes
        first = query._from_list[-1]
        query._from_list[-1] = self.source if first is self.model else with_joined(first, self.joined)
        query._order_by = self.orders[backwards] or query._order_by
        query._limit = limit
        return rows_of(query)


@dataclass(frozen=True)
class Page:
    """The rows of one page, and how to get to its neighbours."""

    data: list[dict[str, Any]]
    page: dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One resource."""

    data: dict[str, Any]
    version: int
    about: tuple[str, ...]


@lru_cache(maxsize=1024)
def select(schema: type[Schema], shape: Shape, extra: tuple[SortKey, ...] = (), item: bool = False) -> Selection:
    """Return the selection that serves a shape, its includes, the sort keys and, for an item, what there is to know."""
    columns = readable(schema)
    options = shared(schema).opts
    nodes = [columns[name] for name in shape.fields]

    def place(node: Any) -> int:
        for index, existing in enumerate(nodes):
            if existing is node:
                return index
        nodes.append(node)
        return len(nodes) - 1

    wanted = (options.model.version, *options.about) if item else [key.column for key in extra]
    keys = tuple(place(column) for column in wanted)
    joined, fetched, related = [], [], {}
    for name in shape.includes:
        include = cast(Joined | Fetched, options.includes[name])
        if item and include.beside:
            related[name] = include.beside.literal(len(nodes))
            nodes.append(include.beside.node)
        elif isinstance(include, Joined):
            joined.append(include)
            related[name] = include.literal(len(nodes))
            nodes.extend(include.columns.values())
        else:
            related[name] = "None"
            fetched.append((name, include, place(include.key)))
    orders = [columns_of(key.ordering(reverse=backwards) for key in extra) for backwards in (False, True)]
    source = Lasting(with_joined(options.model, joined)) if joined else options.model
    return Selection(
        columns_of(nodes),
        maker(literal(places(shape.fields) | related)),
        options.model,
        source,
        tuple(orders),
        keys,
        tuple(joined),
        tuple(fetched),
    )


def with_joined(source: Any, joined: Iterable[Joined]) -> Any:
    """Return a source of rows with what is joined to it."""
    for include in joined:
        source = include.join(source)
    return source


def represent(selection: Selection, raw: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Return the raw rows as dictionaries, includes and all."""
    rows = [selection.made(row) for row in raw]
    for name, fetched, place in selection.fetched:
        fetched.add(name, rows, [values[place] for values in raw])
    return rows


def item_of(schema: type[Schema], query: peewee.ModelSelect, shape: Shape) -> Item | None:
    """Return the one row that `query` names by a key, None if there is none."""
    selection = select(schema, shape, item=True)
    raw = selection.rows(query)  # Without a limit, which takes longer to plan than what there is to limit.
    if not raw:
        return None
    version, *about = (raw[0][place] for place in selection.keys)
    return Item(represent(selection, raw)[0], version, tuple(about))


def page_of(schema: type[Schema], query: peewee.ModelSelect, arguments: ListArguments) -> Page:
    """Return the page of `query` that the arguments ask for."""
    selection = select(schema, arguments.shape, arguments.keys)
    if arguments.conditions:
        query = query.where(*arguments.conditions)
    search = shared(schema).opts.search
    if arguments.search and search:
        query = search.narrow(query, arguments.search)
    total = query.count() if arguments.count else None
    backwards = arguments.cursor is not None and arguments.cursor.backwards
    if arguments.cursor is not None:
        query = query.where(cursors.beyond(arguments.keys, arguments.cursor))
    if arguments.page is not None:
        query = query.offset((arguments.page - 1) * arguments.limit)
    raw = selection.rows(query, arguments.limit + 1, backwards=backwards)
    more = len(raw) > arguments.limit
    del raw[arguments.limit :]
    if backwards:
        raw.reverse()
    return Page(
        represent(selection, raw),
        _page_info(arguments, selection, raw, more=more, backwards=backwards, total=total),
    )


def _page_info(
    arguments: ListArguments,
    selection: Selection,
    raw: Sequence[Any],
    *,
    more: bool,
    backwards: bool,
    total: int | None,
) -> dict[str, Any]:
    info: dict[str, Any] = {"limit": arguments.limit}
    if arguments.page is not None:
        info["page"] = arguments.page
        info["next"] = arguments.page + 1 if more else None
        info["previous"] = arguments.page - 1 if arguments.page > 1 else None
    else:
        has_next = more or backwards
        has_previous = more if backwards else arguments.cursor is not None

        def edge(row: Any, *, back: bool) -> str:
            return cursors.encode(arguments.keys, [row[place] for place in selection.keys], backwards=back)

        info["next"] = edge(raw[-1], back=False) if raw and has_next else None
        info["previous"] = edge(raw[0], back=True) if raw and has_previous else None
    if total is not None:
        info["total"] = total
    return info


def render(document: Any) -> bytes:
    """Return `document` as JSON; Decimals become strings, because a float would change them."""
    return orjson.dumps(document, default=_default, option=JSON_OPTIONS)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def digest(body: bytes) -> str:
    """Return a short hash of a representation, for its ETag."""
    return blake2b(body, digest_size=8).hexdigest()
