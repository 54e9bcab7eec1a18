"""What is answered to a GET: a page of a list, or an item, as bytes with an entity tag."""

from __future__ import annotations

import time
from functools import lru_cache
from urllib.parse import urlencode

import peewee

from blog_app.api.operation import Address
from blog_app.api.requests.body import JSON
from blog_app.api.requests.query_string import Fieldset, item_arguments, list_arguments, parse_query
from blog_app.api.resources.schema import Schema
from blog_app.api.responses.representation import Page, digest, item_of, page_of, render
from blog_app.data.cache import Answer
from blog_app.errors import NotFound

NOT_FOUND = "Not found, or you do not have access to it."


def page(address: Address) -> Answer:
    """Return a page of the rows of the query that the view returns; raise `NotFound` if what it is of is not there."""
    operation, values = address.operation, address.values
    assert operation.answers
    arguments = list_arguments(operation.answers, address.query_string, operation.parameters)
    found = page_of(operation.answers, operation.view(**values, **arguments.extra), arguments)
    if not found.data and operation.under and not operation.under(**values).exists():
        raise NotFound(NOT_FOUND)
    body = render({"data": found.data, "page": found.page})
    return Answer(digest(body), time.time(), JSON, _neighbours(address, found), body)


def item(address: Address) -> Answer:
    """Return the one row of the query that the view returns; raise `NotFound` if there is none."""
    operation = address.operation
    assert operation.answers
    shape, _ = item_arguments(operation.answers, address.query_string)
    return represented(operation.answers, operation.view(**address.values), shape)


def represented(schema: type[Schema], query: peewee.ModelSelect, shape: Fieldset) -> Answer:
    """Return the representation of the row of `query`; raise `NotFound` if there is none."""
    found = item_of(schema, query, shape)
    if found is None:
        raise NotFound(NOT_FOUND)
    body = render(found.data)
    return Answer(f"{found.version}-{digest(body)}", time.time(), JSON, "", body, found.about)


def includes(address: Address) -> tuple[str, ...]:
    """Return what is asked to be included; raise `BadRequest` if the query string is wrong in any way."""
    operation = address.operation
    assert operation.answers
    if operation.many:
        return list_arguments(operation.answers, address.query_string, operation.parameters).fieldset.includes
    return item_arguments(operation.answers, address.query_string)[0].includes


def _neighbours(address: Address, found: Page) -> str:
    """Return the `Link` header (RFC 8288) to the pages before and after this one."""
    name = "page" if "page" in found.page else "cursor"
    start = f"{address.path}?{_without_place(address.query_string)}{name}="
    edges = (("next", found.page["next"]), ("prev", found.page["previous"]))
    return ", ".join(f'<{start}{edge}>; rel="{relation}"' for relation, edge in edges if edge is not None)


@lru_cache(maxsize=1024)
def _without_place(query_string: bytes) -> str:
    """Return a list's parameters but those that say which page it is, ready for another to follow."""
    parameters = parse_query(query_string)
    parameters.pop("cursor", None)
    parameters.pop("page", None)
    return urlencode(parameters, safe="[],") + "&" if parameters else ""
