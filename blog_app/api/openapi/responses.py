"""The responses of an operation in OpenAPI: success, and every error it can return."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from apispec import APISpec

from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.requests.body import JSON
from blog_app.errors import CONTENT_TYPE, PROBLEM_TYPES
from blog_app.permissions import PERMISSIONS, Scope

PROBLEM: Json = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Problem type; links to an explanation."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong with this request."},
        "instance": {"type": "string", "format": "uri-reference"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "The individual errors of the request.",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901) into the body."},
                    "parameter": {"type": "string", "description": "Name of the query parameter."},
                    "detail": {"type": "string"},
                },
                "required": ["detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
BYTES: Json = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
"""The content of a file. OpenAPI 3.1 has `contentMediaType`; generators of clients know `format` better."""
HEADERS: dict[str, Json] = {
    "ETag": {"description": "Entity tag of the representation.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "Range requests are supported.", "schema": {"const": "bytes"}},
    "Content-Disposition": {"description": "File name (RFC 6266).", "schema": {"type": "string"}},
    "Content-Range": {"description": "The returned range and the size of the file.", "schema": {"type": "string"}},
    "Link": {"description": "Next and previous page (RFC 8288).", "schema": {"type": "string"}},
    "Location": {"description": "URL of the resource.", "schema": {"type": "string", "format": "uri-reference"}},
    "Retry-After": {"description": "Seconds to wait before a retry.", "schema": {"type": "integer", "minimum": 0}},
    "WWW-Authenticate": {"description": "What is wrong with the token (RFC 6750).", "schema": {"type": "string"}},
    "X-Request-Id": {"description": "Id of the request.", "schema": {"type": "string"}},
    "RateLimit": {"description": "Remaining requests, and seconds until there are more.", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "The limit: requests in a window of seconds.", "schema": {"type": "string"}},
}
HEADERS_OF_STATUS = {
    HTTPStatus.UNAUTHORIZED: ["WWW-Authenticate"],
    HTTPStatus.FORBIDDEN: ["WWW-Authenticate"],
    HTTPStatus.TOO_MANY_REQUESTS: ["Retry-After", "RateLimit", "RateLimit-Policy"],
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: ["Content-Range"],
    HTTPStatus.SERVICE_UNAVAILABLE: ["Retry-After"],
}


BEFORE_THE_APP = {
    HTTPStatus.REQUEST_TIMEOUT: "The request takes too long to arrive.",
    HTTPStatus.EXPECTATION_FAILED: "`Expect` has another value than `100-continue`.",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "The headers are too long.",
    HTTPStatus.NOT_IMPLEMENTED: "`Transfer-Encoding` has another value than `chunked`.",
}
SERVER_ERRORS = (*BEFORE_THE_APP, HTTPStatus.REQUEST_URI_TOO_LONG)
"""What the HTTP server answers to any request before the app sees it, besides 400."""
FILE_STATUSES = {
    HTTPStatus.PARTIAL_CONTENT: "The requested range of the file.",
    HTTPStatus.PRECONDITION_FAILED: "`If-Match` or `If-Unmodified-Since` does not match the file.",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: "`Range` is outside the file.",
}


def register(spec: APISpec) -> None:
    """Register the shared components: headers, and a response for each problem type."""
    for name, header in HEADERS.items():
        spec.components.header(name, header)
    spec.components.schema("Problem", PROBLEM)
    for problem_type in PROBLEM_TYPES.values():
        spec.components.response(
            problem_type.__name__,
            {
                "description": " ".join((problem_type.__doc__ or "").split()),
                "headers": _headers(*HEADERS_OF_STATUS.get(problem_type.status, []), "X-Request-Id"),
                "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )

    for status, text in BEFORE_THE_APP.items():
        spec.components.response(
            _component(status),
            {"description": text, "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}},
        )


def page_responses(path: str, *, is_file: bool) -> Json:
    """Return the responses of an endpoint outside the API, by status."""
    found: Json = {"200": {"description": "OK"}, "304": {"description": "Not Modified"}}
    if is_file:
        found |= {str(status.value): {"description": text} for status, text in FILE_STATUSES.items()}
    errors = [HTTPStatus.BAD_REQUEST, *([HTTPStatus.NOT_FOUND] if "<" in path else []), *SERVER_ERRORS]
    return found | {str(status.value): _error(status) for status in (*errors, HTTPStatus.SERVICE_UNAVAILABLE)}


def responses(operation: Operation, path: str, components: Components) -> Json:
    """Return the responses of an operation, by status."""
    responses: Json = {str(operation.status): _success(operation, components)}
    if operation.for_all:
        variant = operation.at(Scope.ALL)
        responses[str(variant.status)] = _success(variant, components)
    if operation.method == "GET":
        responses["304"] = {"description": "Not Modified", "headers": _headers("ETag", "X-Request-Id")}
    if operation.is_download:
        responses["206"] = {**_file("Content-Range"), "description": "The requested range of the file."}
    if operation.redirect_key:
        responses["301"] = {"description": "Moved Permanently", "headers": _headers("Location", "X-Request-Id")}
    for status in (*_errors(operation, path), *SERVER_ERRORS):
        responses[str(status.value)] = _error(status)
    return responses


def _error(status: HTTPStatus) -> Json:
    return {"$ref": f"#/components/responses/{_component(status)}"}


def _component(status: HTTPStatus) -> str:
    names = {problem_type.status: problem_type.__name__ for problem_type in PROBLEM_TYPES.values()}
    return names.get(status) or "".join(word.capitalize() for word in status.name.split("_"))


def _success(operation: Operation, components: Components) -> Json:
    if operation.is_download:
        return {**_file(), "description": "The file."}
    phrase = HTTPStatus(operation.status).phrase
    if operation.response is None:
        return {"description": phrase, "headers": _headers("X-Request-Id")}
    schema = components.page(operation.response) if operation.is_list else components.representation(operation.response)
    names = []
    if operation.response.opts.model:
        names += ["ETag", "Location"] if operation.status == HTTPStatus.CREATED else ["ETag"]
    if operation.is_list:
        names.append("Link")
    return {"description": phrase, "headers": _headers(*names, "X-Request-Id"), "content": {JSON: {"schema": schema}}}


def _file(*headers: str) -> Json:
    names = ("Accept-Ranges", "Content-Disposition", "ETag", *headers, "X-Request-Id")
    return {
        "headers": _headers(*names),
        "content": {"application/octet-stream": {"schema": BYTES}, "*/*": {"schema": BYTES}},
    }


def _errors(operation: Operation, path: str) -> Iterator[HTTPStatus]:
    takes_content = bool(operation.body or operation.store)
    is_write = operation.method != "GET"
    conditions = {
        HTTPStatus.BAD_REQUEST: True,
        HTTPStatus.UNAUTHORIZED: True,
        HTTPStatus.FORBIDDEN: PERMISSIONS[operation.endpoint].anonymous is Scope.NO,
        HTTPStatus.NOT_FOUND: "<" in path or operation.load,
        HTTPStatus.CONFLICT: is_write,
        HTTPStatus.TOO_MANY_REQUESTS: is_write or operation.is_list,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: operation.is_download,
        HTTPStatus.PRECONDITION_FAILED: operation.load and not operation.is_download,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: takes_content,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: takes_content,
        HTTPStatus.UNPROCESSABLE_ENTITY: takes_content or operation.method == "POST",
        HTTPStatus.SERVICE_UNAVAILABLE: True,
    }
    return (status for status, applies in conditions.items() if applies)


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
