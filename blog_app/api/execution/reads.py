"""How a GET is served: from the cache, by a replica, or by the primary, as its view declares (`blog_app.data.cache`).

A cached response is shared by all callers with the same scope, PUBLIC or ALL; while it is produced, there is no
caller. What depends on the caller is not cached: what the scope OWN shows, fields that are the caller's alone, and all
that a user sees who blocks, or is blocked by, another.

A list that is not served from the cache takes one of the process's slots for lists (`blog_app.data.slots`), so that
cached responses and items find a thread while many lists run long.

`read` needs no Flask context: `before_flask` and Flask's views call the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial, wraps
from typing import Any
from urllib.parse import quote
from uuid import UUID

from flask import Flask, Response, current_app, request

from blog_app.api import auth
from blog_app.api.auth import Caller
from blog_app.api.execution import hooks
from blog_app.api.execution.dependencies import collections_of, entry_name, is_known
from blog_app.api.operation import Operation, ReadRequest
from blog_app.api.requests import rate_limits
from blog_app.api.requests.query_string import refuse_parameters
from blog_app.api.responses import downloads, etag, headers
from blog_app.api.responses.compression import accepts_gzip, compress
from blog_app.api.responses.json_encoder import json_response
from blog_app.api.responses.rendering import NOT_FOUND
from blog_app.config import Settings
from blog_app.data import cache
from blog_app.data.cache import NO_SLOTS, Reads, Representation
from blog_app.data.cache_counters import counters
from blog_app.data.databases import routing
from blog_app.data.databases.dependencies import read_dependencies
from blog_app.data.slots import slots
from blog_app.data.watermarks.lookup import CacheKey
from blog_app.errors import NotFound
from blog_app.permissions import Scope

SHARED = (Scope.PUBLIC, Scope.ALL)
FAILED = "blog_app.failed"
"""The key of the WSGI environment under which `before_flask` hands over an exception."""


def read(app: Flask, read_request: ReadRequest, environ: dict[str, Any]) -> tuple[Representation, str]:
    """Return the representation, and whether it is a hit, a miss or a bypass (empty if its view declares no reads).

    `environ` is the request as WSGI knows it. Raise what is wrong with the token or with the query string, `Busy`,
    `TooManyRequests`, and whatever the view raises.
    """
    operation = read_request.operation
    assert operation.render
    produce = partial(operation.render, read_request)
    declared = cache.reads_of(operation.view)
    compressed = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    token = auth.BearerToken(app, environ.get("HTTP_AUTHORIZATION"))
    if declared is None:
        token.authorize(operation.endpoint)
        with _admission(app, read_request, environ):
            return produce(), ""
    presumed_key = None
    if is_known(read_request):
        read_request.collections = read_request.collections or collections_of(read_request, declared)
        if presumed := token.presumed(operation.endpoint):
            presumed_key = _key(read_request, declared, presumed, compressed)
    found = token.authorize(operation.endpoint, presumed_key)
    if read_request.collections is None:  # Only now: a caller who may not ask does not learn what is wrong here.
        read_request.collections = collections_of(read_request, declared)
    key = _key(read_request, declared, auth.current(), compressed)
    if key is None:
        counters.count(operation.endpoint, "bypass")
        own = tuple(pair for model in declared.per_caller for pair in read_dependencies(model))
        collections = read_request.collections + own
        with _admission(app, read_request, environ):
            return cache.read_uncached(collections, _checked(app, produce, collections)), "bypass"
    if key is not presumed_key:
        (found,) = cache.look_up(key)
    admission = _admission(app, read_request, environ)
    with auth.anonymous():
        checked = _checked(app, produce, key.collections)
        encode = compress if compressed else None
        return cache.respond(operation.endpoint, found, key, checked, declared, admission, encode)


def _admission(app: Flask, read_request: ReadRequest, environ: dict[str, Any]) -> AbstractContextManager[None]:
    """Return the context in which the caller's request is answered without the cache: lists are counted, and few."""
    return _list_admission(app, read_request, auth.user_id(), environ) if read_request.operation.is_list else NO_SLOTS


@contextmanager
def _list_admission(
    app: Flask, read_request: ReadRequest, user_id: UUID | None, environ: dict[str, Any]
) -> Iterator[None]:
    rate_limits.count_list(app, read_request.query_string, user_id, environ)
    with slots(app).list_reads:
        yield


def _key(read_request: ReadRequest, declared: Reads, caller: Caller, compressed: bool) -> CacheKey | None:
    """Return the cache key of the response to this caller; None if it is theirs alone."""
    identity, scope = caller
    if not declared.cached or scope not in SHARED:
        return None
    if identity is not None and (identity.has_blocks or read_request.per_caller):
        return None
    key = read_request.keys.get((scope, compressed))
    if key is None:
        assert read_request.collections is not None
        name = entry_name(scope, read_request.path, read_request.query_string, compressed)
        key = read_request.keys[scope, compressed] = CacheKey(read_request.collections, name)
    return key


def _checked(
    app: Flask, produce: Callable[[], Representation], collections: tuple[tuple[str, str], ...]
) -> Callable[[], Representation]:
    """In a test run, let `produce` fail if it reads what is not among the collections."""
    settings: Settings = app.config["SETTINGS"]
    if settings.mode != "test":
        return produce

    def checked() -> Representation:
        with routing.recorded_statements() as statements:
            result = produce()
        cache.require_declared(statements, collections)
        return result

    return checked


def cached_view(produce: Callable[..., Representation]) -> Callable[..., Response]:
    """Make a Flask view, outside the API, of a function that declares what it reads and is the same for everybody."""
    declared = cache.reads_of(produce)
    assert declared
    collections = tuple(dict.fromkeys(pair for model in declared.models for pair in read_dependencies(model)))

    @wraps(produce)
    def view(**values: Any) -> Response:
        compressed = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        name = entry_name(Scope.PUBLIC, request.path, request.query_string, compressed)
        key = CacheKey(collections, f"{name} {request.host_url}")
        (found,) = cache.look_up(key)
        checked = _checked(current_app, partial(produce, **values), collections)
        encode = compress if compressed else None
        return _response(*cache.respond(str(request.endpoint), found, key, checked, declared, encode=encode))

    return view


def _response(representation: Representation, outcome: str) -> Response:
    response = Response(representation.body, headers=headers.representation_headers(representation, outcome))
    return etag.with_etag(response, representation.etag, weak=bool(representation.encoding))


def show(operation: Operation, values: dict[str, Any]) -> Response:
    """GET a list or an item in Flask: what `before_flask` does not serve, errors among that."""
    read_request = ReadRequest(operation, values, request.path, request.query_string)
    try:
        if FAILED in request.environ:
            raise request.environ[FAILED]
        representation, outcome = read(current_app, read_request, request.environ)
    except NotFound:
        key = operation.redirect_key(**values) if operation.redirect_key else None
        if key is None:
            raise
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        location = f"{request.path.rpartition('/')[0]}/{quote(key)}{query}"
        # It must not be cached: the old key may be given to another resource.
        return Response(status=301, headers={"Location": location, "Cache-Control": "no-cache"})
    hooks.run_read_hooks(current_app, operation.endpoint, representation, auth.scope(), request.environ)
    return _response(representation, outcome)


def compute(operation: Operation, values: dict[str, Any]) -> Response:
    """GET a document that the view computes."""
    _authorize(operation)
    return json_response(operation.view(**values))


def download(operation: Operation, values: dict[str, Any]) -> Response:
    """GET a file."""
    assert operation.load
    _authorize(operation)
    record = operation.load(**values).first()
    if record is None:
        raise NotFound(NOT_FOUND)
    return downloads.respond(operation.view(record))


def _authorize(operation: Operation) -> None:
    auth.BearerToken(current_app, request.headers.get("Authorization")).authorize(operation.endpoint)
    refuse_parameters(request.query_string)
