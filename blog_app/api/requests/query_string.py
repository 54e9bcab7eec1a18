"""What a caller asks of a list or an item, parsed from the query string.

`fields` and `include` shape the representation; `sort`, `limit`, `cursor`, `page`, `count`, `q` and filters choose the
rows. Anything unknown is an error that names it and says what is allowed: a misspelled filter must not list everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import marshmallow
import peewee
from marshmallow import fields as ma_fields

from blog_app.api.requests import cursors
from blog_app.api.requests.conditions import parse_conditions
from blog_app.api.requests.cursors import Cursor, SortKey
from blog_app.api.resources.fields import refuse_unstorable
from blog_app.api.resources.schema import Schema, readable, shared
from blog_app.errors import BadRequest, bad_parameter

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_PAGE = 10_000
MAX_PARAMETERS = 40
MAX_SEARCH_LENGTH = 200
SEVERAL_VALUES = ("fields", "include", "sort", "[in]", "[not_in]", "[between]")
OWN_PARAMETERS = ("fields", "include", "sort", "cursor", "limit", "page", "count", "q")


@dataclass(frozen=True)
class Shape:
    """Which fields of a representation are wanted, and what it includes."""

    fields: tuple[str, ...]
    includes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListArguments:
    """Everything the query string of a list can say."""

    shape: Shape
    keys: tuple[SortKey, ...]
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None
    page: int | None = None
    count: bool = False
    conditions: list[peewee.Expression] = field(default_factory=list)
    search: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """The values of the parameters that this list has besides."""


def parse_query(query_string: bytes) -> dict[str, str]:
    """Return the parameters of a query string in their order; raise `BadRequest` if it is not one.

    Those that take several values may be repeated instead of listing the values with commas; others may not.
    """
    if not query_string:
        return {}
    try:
        parameters = parse_qsl(
            query_string.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        raise BadRequest(
            f"The query string must be at most {MAX_PARAMETERS} pairs `name=value`, percent-encoded UTF-8."
        ) from error
    found: dict[str, str] = {}
    for name, value in parameters:
        if name in found and not name.endswith(SEVERAL_VALUES):
            raise bad_parameter(name, "give it once.")
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


@lru_cache(maxsize=1024)
def item_arguments(
    schema: type[Schema], query_string: bytes, extra: type[Schema] | None = None
) -> tuple[Shape, Mapping[str, Any]]:
    """Return the shape that the query string of an item asks for, and the values of `extra`; raise `BadRequest`."""
    named = parse_query(query_string)
    shape = _shape(schema, named, searching=False)
    added = {name: named.pop(name) for name in shared(extra).fields if name in named} if extra else {}
    for name in named:
        known = ", ".join(("fields", "include", *(shared(extra).fields if extra else ())))
        raise bad_parameter(name, f"it is unknown here. Known are {known}.")
    return shape, _load(extra, added) if extra else {}


@lru_cache(maxsize=1024)
def list_arguments(schema: type[Schema], query_string: bytes, extra: type[Schema] | None = None) -> ListArguments:
    """Return what the query string of a list asks for; raise `BadRequest` naming the parameter that is wrong."""
    parameters = parse_query(query_string)
    named = {name: parameters.pop(name) for name in OWN_PARAMETERS if name in parameters}
    added = {name: parameters.pop(name) for name in shared(extra).fields if name in parameters} if extra else {}
    shape = _shape(schema, named, searching="q" in named)
    keys = _sort_keys(schema, named.pop("sort", None), searching="q" in named)
    read: dict[str, Any] = {name: READERS[name](named[name]) for name in named if name in READERS}
    if "cursor" in named:
        if "page" in read:
            raise bad_parameter("page", "it cannot be combined with cursor.")
        read["cursor"] = cursors.decode(named["cursor"], keys)
    if "q" in read:
        if shared(schema).opts.search is None:
            raise bad_parameter("q", "this list cannot be searched.")
        read["search"] = read.pop("q")
    conditions = parse_conditions(schema, parameters.items())
    if extra:
        read["extra"] = _load(extra, added)
    return ListArguments(shape, keys, conditions=conditions, **read)


def _load(schema: type[Schema], named: dict[str, str]) -> dict[str, Any]:
    try:
        return dict(shared(schema).load(named))
    except marshmallow.ValidationError as error:
        name, messages = next(iter(error.normalized_messages().items()))
        raise bad_parameter(name, " ".join(messages)) from error


def _shape(schema: type[Schema], named: dict[str, str], *, searching: bool) -> Shape:
    search = shared(schema).opts.search
    hidden = search.fields if search and not searching else ()
    known = tuple(name for name in readable(schema) if name not in hidden)
    wanted = named.pop("fields", None)
    includes = named.pop("include", None)
    return Shape(
        _names("fields", wanted, known) if wanted is not None else known,
        _names("include", includes, tuple(shared(schema).opts.includes)) if includes is not None else (),
    )


def _names(parameter: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in known:
            allowed = ", ".join(known) or "nothing"
            raise bad_parameter(parameter, f"there is no {name!r}; allowed are: {allowed}.")
    return names


def _sort_keys(schema: type[Schema], text: str | None, *, searching: bool) -> tuple[SortKey, ...]:
    """Return the keys of the wanted order; the identifier comes last, so that no two rows are equal in it."""
    options = shared(schema).opts
    search = options.search if searching else None
    sortable = (*options.sortable, options.key, *(search.fields if search else ()))
    default = (search.sort if search else ()) or options.sort
    names = list(default) if text is None else text.split(",")
    keys = []
    for name in names:
        bare = name.removeprefix("-")
        if text is not None and bare not in sortable:
            raise bad_parameter("sort", f"there is no {bare!r}; allowed are: {', '.join(sortable)}.")
        keys.append(_sort_key(schema, bare, descending=name.startswith("-")))
    if all(key.name != options.key for key in keys):
        keys.append(_sort_key(schema, options.key, descending=keys[0].descending))
    if len({key.name for key in keys}) < len(keys):
        raise bad_parameter("sort", "name each field once.")
    return tuple(keys)


def _sort_key(schema: type[Schema], name: str, *, descending: bool) -> SortKey:
    return SortKey(name, descending, readable(schema)[name], shared(schema).fields[name])


def _whole_number(name: str, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:12]) <= most:
            raise bad_parameter(name, f"it must be a whole number from 1 to {most}.")
        return int(text)

    return read


def _flag(text: str) -> bool:
    try:
        return bool(ma_fields.Boolean().deserialize(text))
    except marshmallow.ValidationError as error:
        raise bad_parameter("count", "it must be true or false.") from error


def _words(text: str) -> str:
    try:
        refuse_unstorable(text)
    except marshmallow.ValidationError as error:
        raise bad_parameter("q", str(error)) from error
    if not text.strip() or len(text) > MAX_SEARCH_LENGTH:
        raise bad_parameter("q", f"it must have 1 to {MAX_SEARCH_LENGTH} characters.")
    return text.strip()


READERS: dict[str, Callable[[str], Any]] = {
    "limit": _whole_number("limit", MAX_LIMIT),
    "page": _whole_number("page", MAX_PAGE),
    "count": _flag,
    "q": _words,
}
