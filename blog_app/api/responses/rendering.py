"""Renders the response to a GET, a page of a list or an item, as bytes with an entity tag."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import peewee

from blog_app.api.operation import ReadRequest
from blog_app.api.requests.body import JSON
from blog_app.api.requests.query_string import Fieldset, item_arguments, list_arguments, parse_query
from blog_app.api.resources.schema import Schema
from blog_app.api.responses.etag import digest
from blog_app.api.responses.json_encoder import to_json
from blog_app.api.responses.serializer import fetch_item, fetch_page
from blog_app.data.cache import Representation
from blog_app.errors import NotFound

NOT_FOUND = "Not found, or you do not have access to it."


def render_page(request: ReadRequest) -> Representation:
    """Return a page of the rows of the query that the view returns; raise `NotFound` if their parent is not found."""
    operation, values = request.operation, request.values
    assert operation.response
    arguments = list_arguments(operation.response, request.query_string, operation.parameters)
    document = fetch_page(operation.response, operation.view(**values, **arguments.extra), arguments)
    if not document["data"] and operation.parent and not operation.parent(**values).exists():
        raise NotFound(NOT_FOUND)
    body = to_json(document)
    return Representation(digest(body), time.time(), JSON, _links(request, document["page"]), body)


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
