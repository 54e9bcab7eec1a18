"""Exceptions that the domains raise, and the one place that turns any exception into a response.

Every error leaves as `application/problem+json` (RFC 9457): `type`, `title`, `status`, `detail`, `instance`,
`request_id`, and for invalid input `errors`, a list of `{"pointer", "detail"}` (RFC 6901 JSON Pointers into the body)
or `{"parameter", "detail"}` for the query. A driver's text never leaves; it goes to the log with the request id.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple
from urllib.parse import quote

import marshmallow
import orjson
import peewee
from flask import Flask, Response, request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, HTTPException

from blog_app.data.databases.sqlstates import PROGRAM_LIMIT_EXCEEDED, sqlstate
from blog_app.logs import request_id

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")
RETRY_AFTER_SECONDS = 2
"""The class of SQLSTATE for what is too large or too complex for PostgreSQL: to try again would not help."""


class Problem(Exception):
    """Something the caller is told about; subclasses fix the status, instances say what happened."""

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

    @classmethod
    def name(cls) -> str:
        """Return the name of this kind of problem, such as `not-found`."""
        return CAPITAL.sub("-", cls.__name__).lower()

    @classmethod
    def explanation(cls) -> dict[str, Any]:
        """Return what `GET /problems/<name>` says."""
        text = " ".join((cls.__doc__ or "").split())
        return {"name": cls.name(), "title": cls.status.phrase, "status": cls.status.value, "explanation": text}


class BadRequest(Problem):
    """The request cannot be understood: malformed JSON, an unknown query parameter, a bad cursor."""

    status = HTTPStatus.BAD_REQUEST


class Unauthorized(Problem):
    """There is no valid token."""

    status = HTTPStatus.UNAUTHORIZED
    headers = {"WWW-Authenticate": 'Bearer realm="api"'}


class Forbidden(Problem):
    """The caller is known, and may not do this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(Problem):
    """It does not exist, or the caller may not know that it does."""

    status = HTTPStatus.NOT_FOUND


class MethodNotAllowed(Problem):
    """This resource has no such method; the `Allow` header lists those that it has."""

    status = HTTPStatus.METHOD_NOT_ALLOWED


class Conflict(Problem):
    """It contradicts the state of things: a name taken, a step that is not next."""

    status = HTTPStatus.CONFLICT


class PreconditionFailed(Problem):
    """`If-Match` names another version than the current one."""

    status = HTTPStatus.PRECONDITION_FAILED


class TooLarge(Problem):
    """The body is larger than this endpoint takes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class AddressTooLong(Problem):
    """The path and query are longer than a server takes: ask for less at once."""

    status = HTTPStatus.REQUEST_URI_TOO_LONG


class UnsupportedMediaType(Problem):
    """The body is not of a media type that this endpoint takes."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RangeNotSatisfiable(Problem):
    """The part that `Range` asks for is not there; `Content-Range` says how much there is."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


class Invalid(Problem):
    """The body is well-formed and its content is not acceptable."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequests(Problem):
    """A rate limit is reached."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class Unavailable(Problem):
    """A database or service that this needs is away; the same request may succeed soon."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}


KINDS: Mapping[str, type[Problem]] = {kind.name(): kind for kind in Problem.__subclasses__()}
"""Every kind of problem by its name, the last part of its `type`."""


class BrokenConstraint(NamedTuple):
    """What the breach of a constraint in the database means to the caller."""

    status: type[Problem]
    field: str
    detail: str


_constraints: dict[str, BrokenConstraint] = {}


def explain_constraint(name: str, field: str, detail: str, *, status: type[Problem] = Conflict) -> None:
    """Declare, beside a model, what to tell the caller whose write breaks the constraint `name`."""
    _constraints[name] = BrokenConstraint(status, field, detail)


def invalid(field: str, detail: str) -> Invalid:
    """Return the error for one field of the body; `field` is a name or a path such as `items/3/quantity`."""
    return Invalid("The body is not valid.", errors=[{"pointer": f"/{field}", "detail": detail}])


def bad_parameter(name: str, detail: str) -> BadRequest:
    """Return the error for one query parameter."""
    return BadRequest(f"The parameter {name!r} is not valid: {detail}", errors=[{"parameter": name, "detail": detail}])


def init_app(app: Flask) -> None:
    """Answer every exception as problem+json."""
    app.register_error_handler(Exception, respond)


def respond(error: Exception) -> Response:
    """Return the response for any exception."""
    problem = as_problem(error)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s failed: %s", request.method, request.path, problem.detail, exc_info=error)
    body: dict[str, Any] = {
        "type": f"/problems/{problem.name()}" if problem.name() in KINDS else "about:blank",
        "title": problem.status.phrase,
        "status": problem.status.value,
        "detail": problem.detail,
        "instance": quote(request.path),
        "request_id": request_id(),
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(
        orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS),
        status=problem.status.value,
        headers=dict(problem.headers),
        content_type=CONTENT_TYPE,
    )


def as_problem(error: Exception) -> Problem:
    """Return what the caller is told about `error`."""
    match error:
        case Problem():
            return error
        case marshmallow.ValidationError():
            return Invalid("The body is not valid.", errors=list(_pointers(error.normalized_messages())))
        case ClientDisconnected():
            return BadRequest("The body breaks off before its end.")
        case HTTPException():
            return _from_werkzeug(error)
        case ParseException():  # The end of a request's body is read only when somebody asks for it.
            return BadRequest("The body is not valid HTTP.")
        case peewee.IntegrityError():
            return _from_constraint(error)
        case peewee.DataError():
            return _from_data(error)
        case peewee.OperationalError() if sqlstate(error).startswith(PROGRAM_LIMIT_EXCEEDED):
            return _from_data(error)
        case peewee.OperationalError() | peewee.InterfaceError():
            return Unavailable("The database cannot answer right now. Try again soon.")
        case _:
            return Problem("Something went wrong on our side. The request id helps us to find it.")


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
    problem = _with_status(status, error.description or status.phrase)
    problem.headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return problem


def _with_status(status: HTTPStatus, detail: str) -> Problem:
    for kind in KINDS.values():
        if kind.status == status:
            return kind(detail)
    return type("OtherProblem", (Problem,), {"status": status})(detail)


def _from_data(error: peewee.DatabaseError) -> Problem:
    """Explain a value that the schemas let through and the database does not take, such as a number out of range."""
    log.warning("the database refused a value: %s", error)
    kind = BadRequest if request.method in ("GET", "HEAD") else Invalid
    return kind("A value is out of range or too complex, or a pattern is malformed.")


def _from_constraint(error: peewee.IntegrityError) -> Problem:
    name = getattr(getattr(error, "orig", None), "diag", None) and error.orig.diag.constraint_name
    if name in _constraints:
        status, field, detail = _constraints[name]
        return status(detail, errors=[{"pointer": f"/{field}", "detail": detail}])
    log.warning("a constraint without an explanation was broken: %s", name)
    return Conflict("It contradicts something that is stored already.")
