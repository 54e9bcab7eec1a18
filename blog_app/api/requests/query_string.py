"""The query string of lists and items: sparse fieldsets, includes, sorting, pagination, filters and search.

`fields` and `include` select what a representation contains; `sort`, `limit`, `cursor`, `page`, `count`, `q` and
filters select the rows. An unknown parameter is an error that names it and the allowed ones: a misspelled filter must
not list everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import marshmallow
import peewee
from marshmallow import fields as ma_fields

from blog_app.api.requests import cursors
from blog_app.api.requests.cursors import Cursor, SortKey
from blog_app.api.requests.filter_parameters import parse_filters
from blog_app.api.resources.fields import Integer, require_storable
from blog_app.api.resources.nested_includes import MAX_DEPTH, include_paths
from blog_app.api.resources.schema import Schema, readable_columns, schema_instance
from blog_app.errors import BadRequest, bad_parameter

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_PAGE = 10_000
MAX_PARAMETERS = 40
MAX_SEARCH_LENGTH = 200
REPEATABLE = ("fields", "include", "sort", "[in]", "[not_in]", "[between]")
FIELDS_OF = re.compile(r"fields\[.*\]")
INTEGER = Integer()
LIST_PARAMETERS = ("fields", "include", "sort", "cursor", "limit", "page", "count", "q")


@dataclass(frozen=True)
class Fieldset:
    """A sparse fieldset: the fields of a representation, and its includes."""

    fields: tuple[str, ...]
    includes: tuple[str, ...] = ()
    nested: tuple[str, ...] = ()
    """The paths of includes in what is included, each after those above it."""
    pruned: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Paths of what is included, and the fields that it is shown with."""


@dataclass(frozen=True)
class ListArguments:
    """The parsed query string of a list."""

    fieldset: Fieldset
    keys: tuple[SortKey, ...]
    limit: int = DEFAULT_LIMIT
    cursor: Cursor | None = None
    page: int | None = None
    count: bool = False
    conditions: list[peewee.Expression] = field(default_factory=list)
    search: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """The values of the further parameters of this list."""


def parse_query(query_string: bytes) -> dict[str, str]:
    """Return the parameters of a query string in their order; raise `BadRequest` if it is malformed.

    A parameter that takes several values may be repeated instead of separating them by commas; any other may not.
    """
    if not query_string:
        return {}
    try:
        pairs = parse_qsl(
            query_string.decode(),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_PARAMETERS,
        )
    except ValueError as error:
        raise BadRequest(
            f"The query string must be at most {MAX_PARAMETERS} `name=value` pairs in percent-encoded UTF-8."
        ) from error
    parameters: dict[str, str] = {}
    for name, value in pairs:
        if name in parameters and not name.endswith(REPEATABLE):
            raise bad_parameter(name, "Must not be repeated.")
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def refuse_parameters(query_string: bytes) -> None:
    """Raise `BadRequest` if there is any parameter."""
    for name in parse_query(query_string):
        raise bad_parameter(name, "Unknown parameter. This endpoint takes none.")


@lru_cache(maxsize=1024)
def item_arguments(
    schema: type[Schema], query_string: bytes, extra: type[Schema] | None = None
) -> tuple[Fieldset, Mapping[str, Any]]:
    """Return the fieldset of an item, and the values of the `extra` parameters; raise `BadRequest`."""
    parameters = parse_query(query_string)
    extra_names = tuple(schema_instance(extra).fields) if extra else ()
    fieldset = _fieldset(schema, parameters, searching=False)
    extra_values = _pop(parameters, extra_names)
    for name in parameters:
        raise bad_parameter(name, f"Unknown parameter. Allowed: {', '.join(('fields', 'include', *extra_names))}.")
    return fieldset, _load(extra, extra_values) if extra else {}


@lru_cache(maxsize=1024)
def list_arguments(schema: type[Schema], query_string: bytes, extra: type[Schema] | None = None) -> ListArguments:
    """Return the parsed query string of a list; raise `BadRequest` naming the parameter that is not valid."""
    parameters = parse_query(query_string)
    standard = _pop(parameters, (*LIST_PARAMETERS, *filter(FIELDS_OF.fullmatch, list(parameters))))
    extra_values = _pop(parameters, schema_instance(extra).fields) if extra else {}
    fieldset = _fieldset(schema, standard, searching="q" in standard)
    keys = _sort_keys(schema, standard.get("sort"), searching="q" in standard)
    parsed: dict[str, Any] = {name: PARSERS[name](standard[name]) for name in standard if name in PARSERS}
    if "cursor" in standard:
        if "page" in parsed:
            raise bad_parameter("page", "Cannot be combined with cursor.")
        parsed["cursor"] = cursors.decode(standard["cursor"], keys)
    if "q" in parsed:
        if schema.opts.search is None:
            raise bad_parameter("q", "This list has no full-text search.")
        parsed["search"] = parsed.pop("q")
    conditions = parse_filters(schema, parameters.items())
    if extra:
        parsed["extra"] = _load(extra, extra_values)
    return ListArguments(fieldset, keys, conditions=conditions, **parsed)


def _pop(parameters: dict[str, str], names: Iterable[str]) -> dict[str, str]:
    """Remove the parameters with these names, and return them."""
    return {name: parameters.pop(name) for name in names if name in parameters}


def _load(schema: type[Schema], values: dict[str, str]) -> dict[str, Any]:
    try:
        return dict(schema_instance(schema).load(values))
    except marshmallow.ValidationError as error:
        name, messages = next(iter(error.normalized_messages().items()))
        raise bad_parameter(name, " ".join(messages)) from error


def _fieldset(schema: type[Schema], parameters: dict[str, str], *, searching: bool) -> Fieldset:
    options = schema.opts
    readable = tuple(readable_columns(schema))
    if options.search and not searching:
        readable = tuple(name for name in readable if name not in options.search.fields)
    fields = parameters.pop("fields", None)
    includes = parameters.pop("include", None)
    default = tuple(name for name in readable if name not in options.per_caller)
    shown = _names("fields", fields, readable) if fields is not None else default
    paths = include_paths(schema)
    included = _names("include", includes, (*paths, *options.per_caller)) if includes is not None else ()
    asked = tuple(name for name in included if name in options.per_caller and name not in shown)
    parts = [name.split(".") for name in included if name in paths]
    all_paths = dict.fromkeys(".".join(each[:depth]) for depth in range(1, MAX_DEPTH + 1) for each in parts)
    top = tuple(path for path in all_paths if "." not in path)
    nested = tuple(path for path in all_paths if "." in path)
    pruned = []
    for name in [name for name in parameters if FIELDS_OF.fullmatch(name)]:
        path = name[len("fields[") : -1]
        if path not in all_paths:
            raise bad_parameter(name, f"Nothing is included as {path!r}. Included: {', '.join(all_paths) or 'none'}.")
        allowed = schema_instance(paths[path].include.schema).fields.items()
        names = tuple(name for name, field in allowed if not field.load_only)
        pruned.append((path, _names(name, parameters.pop(name), names)))
    return Fieldset(shown + asked, top, nested, tuple(pruned))


def _names(parameter: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in allowed:
            raise bad_parameter(parameter, f"Unknown value {name!r}. Allowed: {', '.join(allowed) or 'none'}.")
    return names


def _sort_keys(schema: type[Schema], text: str | None, *, searching: bool) -> tuple[SortKey, ...]:
    """Return the keys of the sort order; the unique key comes last, so that the order is total."""
    options = schema.opts
    search = options.search if searching else None
    sortable = (*options.sortable, *options.orders, options.key, *(search.fields if search else ()))
    default = (search.sort if search else ()) or options.sort
    names = list(default) if text is None else text.split(",")
    keys = []
    for name in names:
        field_name = name.removeprefix("-")
        if text is not None and field_name not in sortable:
            raise bad_parameter("sort", f"Unknown field {field_name!r}. Allowed: {', '.join(sortable)}.")
        keys.append(_sort_key(schema, field_name, descending=name.startswith("-")))
    if all(key.name != options.key for key in keys):
        keys.append(_sort_key(schema, options.key, descending=keys[0].descending))
    if len({key.name for key in keys}) < len(keys):
        raise bad_parameter("sort", "Must not name a field twice.")
    return tuple(keys)


def _sort_key(schema: type[Schema], name: str, *, descending: bool) -> SortKey:
    if name in schema.opts.orders:
        return SortKey(name, descending, schema.opts.orders[name], INTEGER)
    return SortKey(name, descending, readable_columns(schema)[name], schema_instance(schema).fields[name])


def _integer(name: str, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:12]) <= maximum:
            raise bad_parameter(name, f"Must be an integer from 1 to {maximum}.")
        return int(text)

    return parse


def _boolean(text: str) -> bool:
    try:
        return bool(ma_fields.Boolean().deserialize(text))
    except marshmallow.ValidationError as error:
        raise bad_parameter("count", "Must be true or false.") from error


def _search_text(text: str) -> str:
    try:
        require_storable(text)
    except marshmallow.ValidationError as error:
        raise bad_parameter("q", str(error)) from error
    if not text.strip() or len(text) > MAX_SEARCH_LENGTH:
        raise bad_parameter("q", f"Must have 1 to {MAX_SEARCH_LENGTH} characters.")
    return text.strip()


PARSERS: dict[str, Callable[[str], Any]] = {
    "limit": _integer("limit", MAX_LIMIT),
    "page": _integer("page", MAX_PAGE),
    "count": _boolean,
    "q": _search_text,
}
