"""What the response to a GET depends on, and the name under which it is cached.

A response depends on the collections that its view declares, on the schema's model, and on the models of the includes
that are asked for. That is worked out once for each query string, so a cache hit parses nothing.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any, NamedTuple

from blog_app.api.operation import ReadRequest
from blog_app.api.requests.query_string import item_arguments, list_arguments
from blog_app.api.resources.nested_includes import include_paths
from blog_app.config import ROOT
from blog_app.data.cache import Reads
from blog_app.data.databases.dependencies import read_dependencies, row_key_model
from blog_app.data.uuids import parse_uuid
from blog_app.permissions import Scope

MAX_QUERIES = 5_000
MAX_QUERY_LENGTH = 500
MAX_NAME_LENGTH = 300


class Dependencies(NamedTuple):
    """What the requests with one query string to one endpoint depend on."""

    collections: tuple[tuple[str, str], ...]
    row_models: tuple[Any, ...]
    """Models of which only the row counts that the path names, if it names one by its id."""
    per_caller: bool
    """Whether the responses to signed-in callers differ."""


_known: dict[tuple[str, bytes], Dependencies] = {}


def is_known(request: ReadRequest) -> bool:
    """Return whether `collections_of` would parse nothing."""
    return request.collections is not None or (request.operation.endpoint, request.query_string) in _known


def collections_of(request: ReadRequest, declared: Reads) -> tuple[tuple[str, str], ...]:
    """Return the collections that the response depends on, and note on the request whether it depends on the caller.

    Raise `BadRequest` if the query string is malformed.
    """
    key = request.operation.endpoint, request.query_string
    found = _known.get(key)
    if found is None:
        found = _dependencies(request, declared)
        if len(request.query_string) <= MAX_QUERY_LENGTH:
            if len(_known) >= MAX_QUERIES:
                _known.clear()
            _known[key] = found
    request.per_caller = found.per_caller
    if not found.row_models:
        return found.collections
    assert declared.row
    row = request.values[declared.row]
    if isinstance(row, str):
        row = parse_uuid(row)  # None: a slug, and any row may have it, or get it.
    return found.collections + tuple(pair for model in found.row_models for pair in read_dependencies(model, row))


def _dependencies(request: ReadRequest, declared: Reads) -> Dependencies:
    operation = request.operation
    assert operation.response
    options = operation.response.opts
    if operation.is_list:
        fieldset = list_arguments(operation.response, request.query_string, operation.parameters).fieldset
    else:
        fieldset, _ = item_arguments(operation.response, request.query_string)
    models = [options.model, *declared.models]
    for name in fieldset.includes:
        models += options.includes[name].reads
    for path in fieldset.nested:
        models += include_paths(operation.response)[path].include.reads
    per_caller = [name for name in fieldset.fields if name in options.per_caller]
    for name in per_caller:
        models += options.per_caller[name]
    # Rows that share the id of the row which is shown: it, and what belongs to it or what it belongs to.
    row_models = [model for model in models if declared.row and row_key_model(model) is row_key_model(options.model)]
    pairs = [pair for model in models if model not in row_models for pair in read_dependencies(model)]
    return Dependencies(tuple(dict.fromkeys(pairs)), tuple(dict.fromkeys(row_models)), bool(per_caller))


def entry_name(scope: Scope, path: str, query_string: bytes, compressed: bool) -> str:
    """Return the name of the cached response to a GET by this release of the code."""
    name = f"{_release()} {scope:d}{'z' if compressed else ''} {path}?{query_string.decode('latin-1')}"
    return name if len(name) <= MAX_NAME_LENGTH else f"{_release()} {hashlib.blake2b(name.encode()).hexdigest()}"


@cache
def _release() -> str:
    """Return a hash of the code that runs: another release may render the same rows differently."""
    found = hashlib.blake2b(digest_size=6)
    for path in sorted((ROOT / "blog_app").rglob("*.py")):
        found.update(path.read_bytes())
    return found.hexdigest()
