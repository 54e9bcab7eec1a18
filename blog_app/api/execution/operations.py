"""How each kind of operation runs, from the authorized request to the response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from inspect import signature
from typing import Any
from urllib.parse import quote

import peewee
from flask import Response, current_app, request

from blog_app.api import auth
from blog_app.api.execution import early, read_hooks, reading
from blog_app.api.operation import Address, Operation
from blog_app.api.requests import idempotency, rate_limits, uploads
from blog_app.api.requests.body import JSON, MERGE_PATCH, json_body, merge_patch
from blog_app.api.requests.query_string import Fieldset, item_arguments, parse_query
from blog_app.api.resources.schema import Schema, body_schema, requires_body, schema_instance, writable_document
from blog_app.api.responses import answers, downloads, etag
from blog_app.api.responses.answers import NOT_FOUND
from blog_app.api.responses.representation import render
from blog_app.background import audit
from blog_app.data import audit_subject
from blog_app.data.compiled import lasting
from blog_app.data.models import Record
from blog_app.errors import NotFound, bad_parameter


def read(operation: Operation, values: dict[str, Any]) -> Response:
    """GET a list or an item: what `http.early` does not answer, errors among that."""
    address = Address(operation, values, request.path, request.query_string)
    try:
        if early.FAILED in request.environ:
            raise request.environ[early.FAILED]
        answer, how = reading.answer(current_app, address, request.headers.get("Authorization"))
    except NotFound:
        key = operation.moved(**values) if operation.moved else None
        if key is None:
            raise
        return _moved_to(key)
    read_hooks.tell(current_app, operation.endpoint, answer, auth.scope(), request.environ)
    return reading.respond(answer, how)


def _moved_to(key: str) -> Response:
    """Return a redirect to the same kind of thing under another key; the old one may be given away, so ask again."""
    query = f"?{request.query_string.decode()}" if request.query_string else ""
    location = f"{request.path.rpartition('/')[0]}/{quote(key)}{query}"
    return Response(status=301, headers={"Location": location, "Cache-Control": "no-cache"})


def act(operation: Operation, values: dict[str, Any]) -> Response:
    """POST, DELETE and state resources: validate the body, load the record, run the view."""
    shape, named = _begin(operation)
    data = _validate(operation.takes, _body(operation.takes)) if operation.takes else {}
    return _run(operation, values, shape, lambda: {**named, **data}, request.get_data)


def receive(operation: Operation, values: dict[str, Any]) -> Response:
    """POST and PUT of a file: take all of it in; then keep it, load the record and run the view."""
    assert operation.keep
    keep = operation.keep
    shape, named = _begin(operation)
    with uploads.receive_upload() as upload:
        return _run(operation, values, shape, lambda: {**named, "kept": keep(upload)}, upload.fingerprint)


def send(operation: Operation, values: dict[str, Any]) -> Response:
    """GET of a file."""
    assert operation.load
    _authorize(operation)
    _refuse_parameters()
    record = operation.load(**values).first()
    if record is None:
        raise NotFound(NOT_FOUND)
    return downloads.respond(operation.view(record))


def _run(
    operation: Operation,
    values: dict[str, Any],
    shape: Fieldset | None,
    data: Callable[[], dict[str, Any]],
    body: Callable[[], bytes],
) -> Response:
    """Return the answer of a view that acts. Getting its data, loading its record and running it are one transaction,
    and done once; `body` tells this request from another under the same key.
    """

    def run() -> Response:
        named = data()
        with _told(operation):
            if operation.load:
                record, rest = _load(operation, values)
                result = operation.view(record, **rest, **named)
            else:
                result = operation.view(**values, **named)
            return _answer(operation, result, shape)

    key = idempotency.key() if operation.replayable else None
    with operation.database.atomic() if operation.atomic else nullcontext():
        return idempotency.run_once(operation.database, key, body(), run) if key else run()


def replace(operation: Operation, values: dict[str, Any]) -> Response:
    """PUT: every writable field gets the value that the body gives it, or its default."""
    assert operation.takes
    shape, _ = _begin(operation)
    data = _validate(operation.takes, _body(operation.takes))
    with operation.database.atomic(), _told(operation):
        record, rest = _load(operation, values)
        return _answer(operation, operation.view(record, **rest, **data), shape)


def patch(operation: Operation, values: dict[str, Any]) -> Response:
    """PATCH: a JSON Merge Patch (RFC 7396) on the writable document, which is then validated as a whole."""
    assert operation.takes
    shape, _ = _begin(operation)
    changes = json_body(types=(MERGE_PATCH, JSON))
    with operation.database.atomic(), _told(operation):
        record, rest = _load(operation, values)
        schema = body_schema(operation.takes, {"kind": getattr(record, "kind", None)})
        document = merge_patch(writable_document(schema, record), changes)
        return _answer(operation, operation.view(record, **rest, **_validate(operation.takes, document)), shape)


def _begin(operation: Operation) -> tuple[Fieldset | None, Mapping[str, Any]]:
    """Authorize and count the request; return the shape of its answer, and the values of its own parameters."""
    _authorize(operation)
    rate_limits.count_request()
    if operation.answers and schema_instance(operation.answers).opts.model:
        return item_arguments(operation.answers, request.query_string, operation.parameters)
    _refuse_parameters()
    return None, {}


def _authorize(operation: Operation) -> None:
    auth.authorize(current_app, operation.endpoint, request.headers.get("Authorization"))


def _refuse_parameters() -> None:
    for name in parse_query(request.query_string):
        raise bad_parameter(name, "Unknown parameter. There are no parameters.")


def _told(operation: Operation) -> AbstractContextManager[object]:
    """Return the context in which the operation is an action of the caller, which the audit trail tells."""
    if operation.method == "GET":
        return nullcontext()
    return audit.AuditedAction(operation.endpoint, audit.user_actor(auth.user_id()), operation.database)


def _body(schema: type[Schema]) -> Any:
    return json_body(required=requires_body(schema))


def _validate(schema: type[Schema] | None, document: Any) -> dict[str, Any]:
    assert schema
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
    if operation.status != 201:  # What is made inside it is what the action is about.
        audit_subject.note(record)
    return record, {name: value for name, value in values.items() if name not in names}


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(signature(function).parameters)


def _answer(operation: Operation, result: Any, shape: Fieldset | None) -> Response:
    """Return the response for what a view returned: a record, a document of its own, or nothing."""
    if isinstance(result, Record):
        audit_subject.note_result(result)
    if operation.answers is None:
        return Response(status=operation.status)
    headers = [("Cache-Control", "no-store")] if operation.secret else []
    if not isinstance(result, Record):
        return Response(render(result), operation.status, headers, content_type=JSON)
    assert shape
    model = schema_instance(operation.answers).opts.model
    found = answers.represented(operation.answers, _all_of(model).where(model.id == result.id), shape)
    headers.append(("ETag", f'"{found.etag}"'))
    if operation.status == 201:
        headers.append(("Location", _home(operation, result)))
    return Response(found.body, operation.status, headers, content_type=JSON)


@cache
def _all_of(model: Any) -> peewee.ModelSelect:
    """Return the query for what can be shown of a model: the same each time."""
    return lasting(model.select(model.id))


def _home(operation: Operation, record: Record) -> str:
    """Return the path at which a new record is shown; by default, below the one at which it was made."""
    before, after = _shown_at(operation) or (f"{request.path}/", "")
    return f"{request.script_root}{before}{record.id}{after}"


@cache
def _shown_at(operation: Operation) -> tuple[str, str] | None:
    """Return the path that shows what an operation makes, before and after its one variable; None if there is none."""
    blueprint: Any = current_app.blueprints[operation.endpoint.partition(".")[0]]
    for other in blueprint.operations:
        if other.method == "GET" and not other.many and other.answers is operation.answers:
            (rule,) = current_app.url_map.iter_rules(other.rule_endpoint)
            if len(rule.arguments) == 1:
                before, _, rest = rule.rule.partition("<")
                return before, rest.partition(">")[2]
    return None
