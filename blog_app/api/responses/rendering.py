"""Renders the response to a GET, a page of a list or an item, as bytes with an entity tag.

Guarantee: a page is not larger than `MAX_PAGE_BYTES`, unless a single row is. It ends before the row that would make it
larger, says so (`ended_early`), and its cursor names the next row. A numbered page cannot, and is refused.
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from typing import Any
from urllib.parse import urlencode

import peewee

from blog_app.api.operation import ReadRequest
from blog_app.api.requests.body import JSON
from blog_app.api.requests.query_string import Fieldset, ListArguments, item_arguments, list_arguments, parse_query
from blog_app.api.resources.schema import Schema
from blog_app.api.responses.etag import digest
from blog_app.api.responses.json_encoder import to_json
from blog_app.api.responses.serializer import fetch_item, fetch_page
from blog_app.data.cache import Representation
from blog_app.errors import NotFound, bad_parameter

MAX_PAGE_BYTES = 4_000_000
"""A hundred long posts with their HTML; the largest post with its HTML takes about a tenth of it."""
ENVELOPE_BYTES = 10_000
"""More than `page` takes."""
NOT_FOUND = "Not found, or you do not have access to it."


def render_page(request: ReadRequest) -> Representation:
    """Return a page of the rows of the query that the view returns; raise `NotFound` if their parent is not found."""
    operation, values = request.operation, request.values
    assert operation.response
    arguments = list_arguments(operation.response, request.query_string, operation.parameters)
    document, body = _fetch_bounded(operation.response, operation.view(**values, **arguments.extra), arguments)
    if not document["data"] and operation.parent and not operation.parent(**values).exists():
        raise NotFound(NOT_FOUND)
    return Representation(digest(body), time.time(), JSON, _links(request, document["page"]), body)


def _fetch_bounded(
    schema: type[Schema], query: peewee.ModelSelect, arguments: ListArguments
) -> tuple[dict[str, Any], bytes]:
    """Return the page that the arguments select, and its JSON; raise `BadRequest` if it is too large and numbered."""
    document = fetch_page(schema, query, arguments)
    body, limit = to_json(document), arguments.limit
    while len(body) > MAX_PAGE_BYTES and (rows := len(document["data"])) > 1:
        if arguments.page is not None:
            detail = (
                f"This page is larger than {MAX_PAGE_BYTES:,} bytes. Ask for fewer rows or `fields`, or use `cursor`."
            )
            raise bad_parameter("limit", detail)
        backwards = arguments.cursor is not None and arguments.cursor.backwards
        arguments = replace(arguments, limit=min(rows - 1, _count_fitting(document["data"], backwards)))
        document = fetch_page(schema, query, arguments)
        document["page"] |= {"limit": limit, "ended_early": True}
        body = to_json(document)
    return document, body


def _count_fitting(rows: list[dict[str, Any]], backwards: bool) -> int:
    """Return how many rows fit into a page, at least one, beginning at the cursor."""
    sizes = accumulate(len(to_json(row)) + 1 for row in (reversed(rows) if backwards else rows))
    return max(1, sum(size <= MAX_PAGE_BYTES - ENVELOPE_BYTES for size in sizes))


def render_item(request: ReadRequest) -> Representation:
    """Return the one row of the query that the view returns; raise `NotFound` if there is none."""
    operation = request.operation
    assert operation.response
    fieldset, _ = item_arguments(operation.response, request.query_string)
    return render_record(operation.response, operation.view(**request.values), fieldset)


def render_record(schema: type[Schema], query: peewee.ModelSelect, fieldset: Fieldset) -> Representation:
    """Return the representation of the row of `query`; raise `NotFound` if there is none."""
    found = fetch_item(schema, query, fieldset)
    if found is None:
        raise NotFound(NOT_FOUND)
    body = to_json(found.data)
    return Representation(f"{found.version}-{digest(body)}", time.time(), JSON, "", body, found.hook_values)


def _links(request: ReadRequest, page: dict[str, Any]) -> str:
    """Return the `Link` header (RFC 8288) to the pages before and after this one."""
    name = "page" if "page" in page else "cursor"
    start = f"{request.path}?{_without_position(request.query_string)}{name}="
    edges = (("next", page["next"]), ("prev", page["previous"]))
    return ", ".join(f'<{start}{edge}>; rel="{relation}"' for relation, edge in edges if edge is not None)


@lru_cache(maxsize=1024)
def _without_position(query_string: bytes) -> str:
    """Return a list's parameters without those that say which page it is, ready for another to follow."""
    parameters = parse_query(query_string)
    parameters.pop("cursor", None)
    parameters.pop("page", None)
    return urlencode(parameters, safe="[],") + "&" if parameters else ""
