"""The exceptions of the API (problem details), and the function that turns any exception into a response.

Every error response is `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `instance`,
`request_id`, and for invalid input `errors`, a list of `{"pointer", "detail"}` (RFC 6901 JSON Pointers into the body)
or `{"parameter", "detail"}` for the query. The text of a database driver is logged with the request id, and never sent.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import quote

import marshmallow
import orjson
import peewee
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException

from blog_app.data.databases.sqlstates import PROGRAM_LIMIT_EXCEEDED, sqlstate
from blog_app.data.slots import Busy
from blog_app.logs import request_id

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
RETRY_AFTER_SECONDS = 2
ROUTING_ERRORS = {
    HTTPStatus.NOT_FOUND: "No such URL. See /docs.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This URL does not support this method. See the Allow header.",
}


class Problem(Exception):
    """An error that is sent to the caller; a subclass has the status, an instance says what happened."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    headers: Mapping[str, str] = {}

    def __init__(
        self, detail: str, *, errors: list[dict[str, str]] | None = None, headers: Mapping[str, str] | None = None
    ):
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        if headers:
            self.headers = headers

    def __init_subclass__(cls, status: HTTPStatus) -> None:
        cls.status = status

    @classmethod
    def name(cls) -> str:
        """Return the name of this problem type, such as `not-found`."""
        return CAPITAL.sub("-", cls.__name__).lower()

    @classmethod
    def explanation(cls) -> dict[str, Any]:
        """Return the document of `GET /problems/<name>`."""
        text = " ".join((cls.__doc__ or "").split())
        return {"name": cls.name(), "title": cls.status.phrase, "status": cls.status.value, "explanation": text}


class BadRequest(Problem, status=HTTPStatus.BAD_REQUEST):
    """The request is malformed: invalid JSON, an unknown query parameter, an invalid cursor."""


class Unauthorized(Problem, status=HTTPStatus.UNAUTHORIZED):
    """The token is missing or not valid."""

    headers = {"WWW-Authenticate": 'Bearer realm="api"'}


class Forbidden(Problem, status=HTTPStatus.FORBIDDEN):
    """The token is valid, but does not permit this."""


class NotFound(Problem, status=HTTPStatus.NOT_FOUND):
    """The resource does not exist, or you do not have access to it."""


class MethodNotAllowed(Problem, status=HTTPStatus.METHOD_NOT_ALLOWED):
    """The resource does not support this method; the `Allow` header lists those that it supports."""


class Conflict(Problem, status=HTTPStatus.CONFLICT):
    """The request conflicts with the current state: a name is taken, a transition is not allowed."""


class PreconditionFailed(Problem, status=HTTPStatus.PRECONDITION_FAILED):
    """`If-Match` does not match the current version."""


class TooLarge(Problem, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
    """The body is larger than this endpoint accepts."""


class AddressTooLong(Problem, status=HTTPStatus.REQUEST_URI_TOO_LONG):
    """The URL is too long: use fewer or shorter query parameters."""


class UnsupportedMediaType(Problem, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE):
    """The endpoint does not accept the media type of the body."""


class RangeNotSatisfiable(Problem, status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
    """`Range` is outside the file; `Content-Range` has the size of the file."""


class Invalid(Problem, status=HTTPStatus.UNPROCESSABLE_ENTITY):
    """The body is well-formed, but its content is not valid."""


class TooManyRequests(Problem, status=HTTPStatus.TOO_MANY_REQUESTS):
    """A rate limit is exceeded; `Retry-After` says when to retry."""


class Unavailable(Problem, status=HTTPStatus.SERVICE_UNAVAILABLE):
    """A database or service is temporarily unavailable, or the server is busy; retry the same request later."""

    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}


PROBLEM_TYPES: Mapping[str, type[Problem]] = {subclass.name(): subclass for subclass in Problem.__subclasses__()}
"""Every problem type by its name, the last part of `type`."""


_constraints: dict[str, tuple[type[Problem], str, str]] = {}


def explain_constraint(name: str, field: str, detail: str, *, status: type[Problem] = Conflict) -> None:
    """Declare, next to a model, the problem that a violation of the constraint `name` becomes."""
    _constraints[name] = status, field, detail


def require_deleted(record: Any) -> None:
    """Raise `Conflict` unless the record is soft-deleted: nothing else is deleted permanently."""
    if record.deleted_at is None:
        raise Conflict("Only what is deleted can be deleted permanently. Delete it first.")


def invalid(field: str, detail: str) -> Invalid:
    """Return the error for one field of the body; `field` is a name or a path such as `items/3/quantity`."""
    return Invalid("The body is not valid.", errors=[{"pointer": f"/{field}", "detail": detail}])


def bad_parameter(name: str, detail: str) -> BadRequest:
    """Return the error for one query parameter."""
    return BadRequest(f"Invalid parameter {name!r}: {detail}", errors=[{"parameter": name, "detail": detail}])


def init_app(app: Flask) -> None:
    """Respond to every exception with problem+json."""
    app.register_error_handler(Exception, respond)


def respond(error: Exception) -> Response:
    """Return the response for any exception."""
    problem = as_problem(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        busy = isinstance(error, Busy)  # Many at once: a line each, without a traceback.
        level, trace = (logging.WARNING, None) if busy else (logging.ERROR, error)
        log.log(level, "%s %s failed: %s", request.method, request.path, problem.detail, exc_info=trace)
    body: dict[str, Any] = {
        "type": f"/problems/{problem.name()}" if problem.name() in PROBLEM_TYPES else "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": quote(request.path),
        "request_id": request_id(),
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(orjson.dumps(body), problem.status, dict(problem.headers), content_type=CONTENT_TYPE)


def as_problem(error: Exception) -> Problem:
    """Return the problem that `error` becomes."""
    match error:
        case Problem():
            return error
        case marshmallow.ValidationError():
            return Invalid("The body is not valid.", errors=list(_pointers(error.normalized_messages())))
        case ClientDisconnected():
            return BadRequest("The body is shorter than its Content-Length.")
        case HTTPException():
            return _from_werkzeug(error)
        case ParseException():  # gunicorn parses a chunked body while it is read.
            return BadRequest("The body is not valid HTTP.")
        case peewee.IntegrityError():
            return _from_constraint(error)
        case peewee.DataError():
            return _from_data(error)
        case peewee.OperationalError() if sqlstate(error).startswith(PROGRAM_LIMIT_EXCEEDED):
            return _from_data(error)
        case Busy():
            return Unavailable("The server is busy. Retry shortly.")
        case peewee.OperationalError() | peewee.InterfaceError():
            return Unavailable("The database is temporarily unavailable. Retry shortly.")
        case _:
            return Problem("Internal server error. If it persists, report it with the request_id.")


def _pointers(messages: Any, path: str = "") -> Iterator[dict[str, str]]:
    """Flatten marshmallow's nested messages into JSON Pointers."""
    if isinstance(messages, dict):
        for key, value in messages.items():
            escaped = str(key).replace("~", "~0").replace("/", "~1")
            yield from _pointers(value, path if key in ("_schema", "value") and path else f"{path}/{escaped}")
    else:
        for message in messages if isinstance(messages, list) else [messages]:
            yield {"pointer": path.removesuffix("/_schema"), "detail": str(message)}


def _from_werkzeug(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    known = (problem_type for problem_type in PROBLEM_TYPES.values() if problem_type.status == status)
    problem_type = next(known, None) or type("OtherProblem", (Problem,), {}, status=status)
    problem = problem_type(ROUTING_ERRORS.get(status) or error.description or status.phrase)
    problem.headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return problem


def _from_data(error: peewee.DatabaseError) -> Problem:
    """Return the problem for a value that passed validation but not the database, such as a number out of range."""
    log.warning("the database rejected a value: %s", error)
    problem_type = BadRequest if request.method in ("GET", "HEAD") else Invalid
    return problem_type("A value is out of range or too complex, or a pattern is malformed.")


def _from_constraint(error: peewee.IntegrityError) -> Problem:
    name = getattr(getattr(error, "orig", None), "diag", None) and error.orig.diag.constraint_name
    if name in _constraints:
        status, field, detail = _constraints[name]
        return status(detail, errors=[{"pointer": f"/{field}", "detail": detail}])
    log.warning("violation of a constraint without explain_constraint: %s", name)
    return Conflict("The request conflicts with existing data.")
