"""How each kind of operation runs, from the authorized request to the response."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import peewee
from flask import Response, current_app, request

from blog_app import auth
from blog_app.errors import NotFound, bad_parameter
from blog_app.http import etag
from blog_app.http.arguments import Shape, item_arguments, list_arguments, parse_query
from blog_app.http.body import json_body, merge_patch
from blog_app.http.representation import Page, digest, item_of, page_of, render
from blog_app.http.schema import Schema, shared, writable_document
from blog_app.models import Record

if TYPE_CHECKING:
    from blog_app.http.blueprint import Operation

JSON = "application/json"


def list_rows(operation: Operation, values: dict[str, Any]) -> Response:
    """GET a collection."""
    assert operation.answers
    auth.authorize(current_app, operation.endpoint)
    arguments = list_arguments(operation.answers, request.query_string)
    page = page_of(operation.answers, operation.view(**values), arguments)
    body = render({"data": page.data, "page": page.page})
    response = Response(body, content_type=JSON)
    _link_neighbours(response, page)
    return etag.tagged(response, digest(body))


def show_row(operation: Operation, values: dict[str, Any]) -> Response:
    """GET one resource."""
    assert operation.answers
    auth.authorize(current_app, operation.endpoint)
    shape = item_arguments(operation.answers, request.query_string)
    return _represent(operation.answers, operation.view(**values), shape)


def act(operation: Operation, values: dict[str, Any]) -> Response:
    """POST, DELETE and state resources: validate the body, load the record, run the view."""
    shape = _begin(operation)
    data = _validate(operation.takes, json_body()) if operation.takes else {}
    with operation.database.atomic() if operation.atomic else nullcontext():
        if operation.load:
            result = operation.view(_load(operation, values), **data)
        else:
            result = operation.view(**values, **data)
        return _answer(operation, result, shape)


def replace(operation: Operation, values: dict[str, Any]) -> Response:
    """PUT: every writable field gets the value that the body gives it, or its default."""
    assert operation.takes
    shape = _begin(operation)
    data = _validate(operation.takes, json_body())
    with operation.database.atomic():
        record = _load(operation, values)
        return _answer(operation, operation.view(record, **data), shape)


def patch(operation: Operation, values: dict[str, Any]) -> Response:
    """PATCH: a JSON Merge Patch (RFC 7396) on the writable document, which is then validated as a whole."""
    assert operation.takes
    shape = _begin(operation)
    changes = json_body()
    with operation.database.atomic():
        record = _load(operation, values)
        document = merge_patch(writable_document(operation.takes, record), changes)
        return _answer(operation, operation.view(record, **_validate(operation.takes, document)), shape)


def _begin(operation: Operation) -> Shape | None:
    auth.authorize(current_app, operation.endpoint)
    if operation.answers and shared(operation.answers).opts.model:
        return item_arguments(operation.answers, request.query_string)
    for name, _ in parse_query(request.query_string) if request.query_string else ():
        raise bad_parameter(name, "it is unknown here; there are no parameters.")
    return None


def _validate(schema: type[Schema] | None, document: Any) -> dict[str, Any]:
    assert schema
    return dict(shared(schema).load(document))


def _load(operation: Operation, values: dict[str, Any]) -> Any:
    """Return the record of the path, locked for this transaction; 404, ownership and `If-Match` are decided here."""
    assert operation.load
    query: peewee.ModelSelect = operation.load(**values)
    record = query.for_update(of=query.model).first()
    if record is None:
        raise NotFound("There is no such thing here, or you may not see it.")
    auth.require_ownership(record)
    etag.require_match(record.version)
    return record


def _answer(operation: Operation, result: Any, shape: Shape | None) -> Response:
    """Return the response for what a view returned: a record, a document of its own, or nothing."""
    if operation.answers is None:
        return Response(status=operation.status)
    if not isinstance(result, Record):
        response = Response(render(result), content_type=JSON)
    else:
        assert shape
        model = type(result)
        response = _represent(operation.answers, model.select().where(model.id == result.id), shape, unconditional=True)
        if operation.status == 201:
            response.headers["Location"] = f"{request.path}/{result.id}"
    if operation.secret:
        response.headers["Cache-Control"] = "no-store"
    response.status_code = operation.status
    return response


def _represent(
    schema: type[Schema], query: peewee.ModelSelect, shape: Shape, *, unconditional: bool = False
) -> Response:
    found = item_of(schema, query, shape)
    if found is None:
        raise NotFound("There is no such thing here, or you may not see it.")
    row, version = found
    body = render(row)
    response = Response(body, content_type=JSON)
    tag = f"{version}-{digest(body)}"
    if unconditional:
        response.headers["ETag"] = f'"{tag}"'
        return response
    return etag.tagged(response, tag)


def _link_neighbours(response: Response, page: Page) -> None:
    """Add `Link` headers (RFC 8288) to the pages before and after this one."""
    parameters = [each for each in parse_query(request.query_string) if each[0] not in ("cursor", "page")]
    name = "page" if "page" in page.page else "cursor"
    for relation, edge in (("next", page.page["next"]), ("prev", page.page["previous"])):
        if edge is not None:
            query = urlencode([*parameters, (name, str(edge))], safe="[],")
            response.headers.add("Link", f'<{request.path}?{query}>; rel="{relation}"')
