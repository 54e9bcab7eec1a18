"""The answers of the operations: what goes well, and every error that each can end in."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec

from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.resources.schema import shared
from blog_app.errors import CONTENT_TYPE, KINDS
from blog_app.permissions import PERMISSIONS, Scope

PROBLEM: Json = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Explains this kind of error."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong, one by one.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "The place in the body, a JSON Pointer (RFC 6901)."},
                    "parameter": {"type": "string", "description": "The name of the query parameter."},
                    "detail": {"type": "string"},
                },
                "required": ["detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
HEADERS: dict[str, Json] = {
    "ETag": {"description": "The version of this representation.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "That parts can be asked for.", "schema": {"const": "bytes"}},
    "Content-Disposition": {"description": "The name of the file (RFC 6266).", "schema": {"type": "string"}},
    "Content-Range": {"description": "Which part it is, and of how much.", "schema": {"type": "string"}},
    "Link": {"description": "The pages before and after (RFC 8288).", "schema": {"type": "string"}},
    "Location": {"description": "Where the new resource is.", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "The name of this request in the logs.", "schema": {"type": "string"}},
    "RateLimit": {"description": "What is left of the limit, and seconds to its end.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The limit: requests in a window of seconds.", "schema": {"type": "string"}},
}
HEADERS_OF_STATUS = {
    HTTPStatus.UNAUTHORIZED: ["WWW-Authenticate"],
    HTTPStatus.TOO_MANY_REQUESTS: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: ["Content-Range"],
    HTTPStatus.SERVICE_UNAVAILABLE: ["Retry-After"],
}


def register(spec: APISpec) -> None:
    """Put what all operations share into the document: headers, and a response for each kind of problem."""
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    spec.components.schema("Problem", PROBLEM)
    for problem in KINDS.values():
        spec.components.response(
            problem.__name__,
            {
                "description": " ".join((problem.__doc__ or "").split()),
                "headers": _headers(*HEADERS_OF_STATUS.get(problem.status, []), "X-Request-Id"),
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )


def responses(operation: Operation, path: str, components: Components) -> Json:
    """Return every answer of an operation, by status."""
    found: Json = {str(operation.status): _success(operation, components)}
    if operation.method == "GET":
        found["304"] = {"description": "You have it already.", "headers": _headers("ETag", "X-Request-Id")}
    if operation.answers_file:
        found["206"] = {**_file("Content-Range"), "description": "The part that was asked for."}
    if operation.moved:
        found["301"] = {"description": "It is elsewhere now.", "headers": _headers("Location", "X-Request-Id")}
    names = {problem.status: problem.__name__ for problem in KINDS.values()}
    for status in _errors(operation, path):
        found[str(status.value)] = {"$ref": f"#/components/responses/{names[status]}"}
    return found


def _success(operation: Operation, components: Components) -> Json:
    if operation.answers_file:
        return {**_file(), "description": "The file."}
    if operation.answers is None:
        return {"description": HTTPStatus(operation.status).phrase, "headers": _headers("X-Request-Id")}
    schema = components.page(operation.answers) if operation.many else components.answer(operation.answers)
    return {
        "description": HTTPStatus(operation.status).phrase,
        "headers": _headers(*_success_headers(operation), "X-Request-Id"),
        "content": {"application/json": {"schema": schema}},
    }


def _file(*headers: str) -> Json:
    names = ("Accept-Ranges", "Content-Disposition", "ETag", *headers, "X-Request-Id")
    return {"headers": _headers(*names), "content": {"*/*": {}}}


def _success_headers(operation: Operation) -> Iterator[str]:
    assert operation.answers
    if shared(operation.answers).opts.model:
        yield "ETag"
        if operation.status == HTTPStatus.CREATED:
            yield "Location"
    if operation.many:
        yield "Link"


def _errors(operation: Operation, path: str) -> Iterator[HTTPStatus]:
    yield HTTPStatus.BAD_REQUEST
    yield HTTPStatus.UNAUTHORIZED
    if PERMISSIONS[operation.endpoint].anonymous is Scope.NO:
        yield HTTPStatus.FORBIDDEN
    if "<" in path or operation.load:
        yield HTTPStatus.NOT_FOUND
    if operation.many:
        yield HTTPStatus.REQUEST_URI_TOO_LONG
    if operation.method != "GET":
        yield HTTPStatus.CONFLICT
        yield HTTPStatus.TOO_MANY_REQUESTS
    if operation.answers_file:
        yield HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    elif operation.load:
        yield HTTPStatus.PRECONDITION_FAILED
    if operation.takes or operation.keep:
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if operation.takes or operation.keep or operation.method == "POST":
        yield HTTPStatus.UNPROCESSABLE_ENTITY
    yield HTTPStatus.SERVICE_UNAVAILABLE


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
