"""How an operation that changes something runs, from the authorized request to the response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cache
from inspect import signature
from typing import Any

import peewee
from flask import Response, current_app, request

from blog_app.api import auth
from blog_app.api.operation import Operation
from blog_app.api.requests import idempotency, rate_limits, uploads
from blog_app.api.requests.body import JSON, MERGE_PATCH, json_body, merge_patch
from blog_app.api.requests.query_string import Fieldset, item_arguments, refuse_parameters
from blog_app.api.resources.schema import Schema, body_schema, requires_body, schema_instance, writable_document
from blog_app.api.responses import etag
from blog_app.api.responses.json_encoder import json_response
from blog_app.api.responses.rendering import NOT_FOUND, render_record
from blog_app.background import audit
from blog_app.data import audit_subject
from blog_app.data.compiled import reusable
from blog_app.data.models import Record
from blog_app.errors import NotFound


def run_action(operation: Operation, values: dict[str, Any]) -> Response:
    """POST, PUT, DELETE: validate the body, load the record, run the view."""
    operation, fieldset, parameters = _begin(operation)
    schema = operation.body
    body = _validate(schema, json_body(required=requires_body(schema))) if schema else {}
    return _run(operation, values, fieldset, lambda: {**parameters, **body}, request.get_data)


def upload(operation: Operation, values: dict[str, Any]) -> Response:
    """POST and PUT of a file: receive it whole; then store it, load the record and run the view."""
    store = operation.store
    assert store
    _, fieldset, parameters = _begin(operation)
    with uploads.receive_upload() as file:
        return _run(operation, values, fieldset, lambda: {**parameters, "stored": store(file)}, file.fingerprint)


def patch(operation: Operation, values: dict[str, Any]) -> Response:
    """PATCH: a JSON Merge Patch (RFC 7396) on the writable document, which is then validated as a whole."""
    assert operation.body
    _, fieldset, _ = _begin(operation)
    changes = json_body(types=(MERGE_PATCH, JSON))
    with operation.database.atomic(), _audited(operation):
        record, rest = _load(operation, values)
        schema = body_schema(operation.body, {"kind": getattr(record, "kind", None)})
        document = merge_patch(writable_document(schema, record), changes)
        return _respond(operation, operation.view(record, **rest, **_validate(operation.body, document)), fieldset)


def _begin(operation: Operation) -> tuple[Operation, Fieldset | None, Mapping[str, Any]]:
    """Authorize and count the request; return the operation as it is to the caller, the fieldset of its response, and
    the values of its own parameters.
    """
    auth.BearerToken(current_app, request.headers.get("Authorization")).authorize(operation.endpoint)
    rate_limits.count_write(operation.endpoint)
    operation = operation.at(auth.scope())
    if operation.response and operation.response.opts.model:
        return operation, *item_arguments(operation.response, request.query_string, operation.parameters)
    refuse_parameters(request.query_string)
    return operation, None, {}


def _run(
    operation: Operation,
    values: dict[str, Any],
    fieldset: Fieldset | None,
    data: Callable[[], dict[str, Any]],
    body: Callable[[], bytes],
) -> Response:
    """Return the response of a view that acts. Getting its data, loading its record and running it are one transaction,
    and done once; `body` distinguishes this request from another with the same Idempotency-Key.
    """

    def run() -> Response:
        arguments = data()
        with _audited(operation):
            if operation.load:
                record, rest = _load(operation, values)
                result = operation.view(record, **rest, **arguments)
            else:
                result = operation.view(**values, **arguments)
            return _respond(operation, result, fieldset)

    key = idempotency.key() if operation.replayable else None
    with operation.database.atomic() if operation.atomic else nullcontext():
        return idempotency.run_once(operation.database, key, body(), run) if key else run()


def _audited(operation: Operation) -> audit.AuditedAction:
    """Return the context in which the operation is an audited action of the caller."""
    return audit.AuditedAction(operation.endpoint, audit.user_actor(auth.user_id()), operation.database)


def _validate(schema: type[Schema], document: Any) -> dict[str, Any]:
    return dict(schema_instance(body_schema(schema, document)).load(document))


def _load(operation: Operation, values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the record of the path, locked for this transaction, and the values of the path that do not name it.

    404, ownership and `If-Match` are decided here.
    """
    assert operation.load
    names = _parameters(operation.load)
    query: peewee.ModelSelect = operation.load(**{name: value for name, value in values.items() if name in names})
    record = query.for_update(of=query.model).first()
    if record is None:
        raise NotFound(NOT_FOUND)
    auth.require_ownership(record)
    etag.require_match(record.version, getattr(record, "content_tag", None))
    if operation.status != 201:  # The subject of a creation is the new record.
        audit_subject.capture(record)
    return record, {name: value for name, value in values.items() if name not in names}


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(signature(function).parameters)


def _respond(operation: Operation, result: Any, fieldset: Fieldset | None) -> Response:
    """Return the response for what a view returned: a record, a document of its own, or nothing."""
    if isinstance(result, Record):
        audit_subject.capture_result(result)
    if operation.response is None:
        return Response(status=operation.status)
    headers = [("Cache-Control", "no-store")] if operation.secret else []
    if not isinstance(result, Record):
        return json_response(result, operation.status, headers)
    assert fieldset
    model = operation.response.opts.model
    found = render_record(operation.response, _all_of(model).where(model.id == result.id), fieldset)
    headers.append(("ETag", f'"{found.etag}"'))
    if operation.status == 201:
        headers.append(("Location", _location(operation, result)))
    return Response(found.body, operation.status, headers, content_type=JSON)


@cache
def _all_of(model: Any) -> peewee.ModelSelect:
    """Return the query for what can be shown of a model: the same each time."""
    return reusable(model.select(model.id))


def _location(operation: Operation, record: Record) -> str:
    """Return the path at which a new record is shown; by default, below the one at which it was made."""
    before, after = _path_of_new(operation) or (f"{request.path}/", "")
    return f"{request.script_root}{before}{record.id}{after}"


@cache
def _path_of_new(operation: Operation) -> tuple[str, str] | None:
    """Return the path that shows what an operation makes, before and after its one variable; None if there is none."""
    blueprint: Any = current_app.blueprints[operation.endpoint.partition(".")[0]]
    for other in blueprint.operations:
        if other.method == "GET" and not other.is_list and other.response is operation.response:
            (rule,) = current_app.url_map.iter_rules(other.rule_endpoint)
            if len(rule.arguments) == 1:
                before, _, rest = rule.rule.partition("<")
                return before, rest.partition(">")[2]
    return None
