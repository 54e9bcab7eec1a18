"""Reads before Flask: a WSGI layer that serves the GET of a list or an item by itself, and passes on everything else.

Routing, authorization, the cache, the view and the representation are the same functions as for any request. Why Flask
is left out: docs/decisions/0003-reads-before-flask.md.

It passes on what is no plain read: another method, a page of another site (`Origin`), an unknown path, and errors.
Flask gets the exception, so that its response is like any other, and nothing is done twice. Every response, also
Flask's, gets its common headers and its log line here.

The URL of a list, and a URL at which there was a hit, is remembered with all that does not depend on the
caller: from then on a hit is one MGET (the response, its marks, the caller's token), a look into the table of
permissions, and a response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from flask import Flask, has_request_context, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from blog_app import logs
from blog_app.api import auth
from blog_app.api.client_address import address_behind
from blog_app.api.execution import hooks, reads
from blog_app.api.execution.hooks import ServedRequest
from blog_app.api.operation import Operation, ReadRequest
from blog_app.api.requests import rate_limits
from blog_app.api.responses import etag
from blog_app.api.responses.headers import CommonHeaders, representation_headers
from blog_app.config import Settings
from blog_app.data import databases

MAX_REQUESTS = 10_000
MAX_URL_LENGTH = 500
"""With this many characters each, that many remembered requests take some megabytes, whatever is requested."""

ENDPOINT = "blog_app.endpoint"
"""The key of the WSGI environment with the endpoint of a read that is served here."""
Headers = list[tuple[str, str]]
StartResponse = Callable[..., Any]
WSGI = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


def log_access(proxies: int, served: ServedRequest) -> None:
    """Write the access log line of a request that came through so many proxies: a response hook."""
    if logs.access.isEnabledFor(logging.INFO):
        environ = served.environ
        remote, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        logs.log_request(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"].encode("latin-1").decode(errors="replace"),
            served.status,
            seconds=served.seconds,
            user_id=served.user_id,
            cache=dict(served.headers).get("X-Cache"),
            address=address_behind(proxies, remote, forwarded),
        )


class BeforeFlask:
    """The WSGI app in front of Flask's. `operations` returns those of the app, once its blueprints are registered."""

    def __init__(self, app: Flask, flask: WSGI, operations: Callable[[Flask], Iterable[Operation]]) -> None:
        settings: Settings = app.config["SETTINGS"]
        self._app = app
        self._flask = flask
        self._operations = operations
        self._common_headers = CommonHeaders(settings)
        self._serves_reads = settings.reads_before_flask
        self._response_hooks: list[hooks.ResponseHook] = app.extensions["response_hooks"]
        self._requests: dict[tuple[str, str], ReadRequest] = {}

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        logs.begin_request(environ.get("HTTP_X_REQUEST_ID", ""))
        response_hooks = self._response_hooks

        def start(status: str, headers: Headers, *error: Any) -> Any:
            user_id = auth.user_id()
            if response_hooks:
                endpoint = environ.get(ENDPOINT) or (request.endpoint if has_request_context() else None)
                served = ServedRequest(environ, endpoint, int(status[:3]), headers, user_id, logs.request_seconds())
                for hook in response_hooks:
                    hook(served)
            headers = self._common_headers.add(headers, logs.request_id() or "", signed_in=user_id is not None)
            return start_response(status, headers, *error)

        try:
            # The response to a page of another site has headers of its own.
            if self._serves_reads and environ["REQUEST_METHOD"] == "GET" and "HTTP_ORIGIN" not in environ:
                read_request = self._read_request(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
                if read_request is not None:
                    return self._read(read_request, environ, start)
            return self._flask(environ, start)
        finally:
            auth.clear()
            rate_limits.clear()
            logs.end_request()

    def _read(self, read_request: ReadRequest, environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        environ[ENDPOINT] = read_request.operation.endpoint
        try:
            found, outcome = reads.read(self._app, read_request, environ)
        except Exception as error:
            environ[reads.FAILED] = error
            return self._flask(environ, start)
        finally:
            databases.release()
        if outcome == "hit" or not read_request.values:
            self._remember(read_request)
        hooks.run_read_hooks(self._app, read_request.operation.endpoint, found, auth.scope(), environ)
        headers = [*representation_headers(found, outcome), *rate_limits.headers()]
        if etag.matches(environ.get("HTTP_IF_NONE_MATCH"), found.etag):
            status, body = "304 Not Modified", b""
            headers = [each for each in headers if each[0] not in ("Content-Type", "Content-Encoding")]
        else:
            status, body = "200 OK", found.body
            headers.append(("Content-Length", str(len(body))))
        start(status, headers)
        return [body]

    def _read_request(self, path: str, query_string: str) -> ReadRequest | None:
        """Return the read of a list or an item; None if it is none, or Flask must look at it first."""
        known = self._requests.get((path, query_string))
        if known or not path.isascii():  # What is not ASCII is UTF-8 that is still to be decoded.
            return known
        try:
            endpoint, values = self._routes.match(path, "GET")
        except HTTPException:
            return None
        operation = self._reads.get(endpoint)
        return ReadRequest(operation, dict(values), path, query_string.encode("latin-1")) if operation else None

    @cached_property
    def _routes(self) -> MapAdapter:
        return self._app.url_map.bind("")

    @cached_property
    def _reads(self) -> dict[str, Operation]:
        """The operations that are served here, by Flask's name of their route."""
        return {each.rule_endpoint: each for each in self._operations(self._app) if each.render}

    def _remember(self, read_request: ReadRequest) -> None:
        key = read_request.path, read_request.query_string.decode("latin-1")
        if key in self._requests or sum(map(len, key)) > MAX_URL_LENGTH:
            return
        if len(self._requests) >= MAX_REQUESTS:
            self._requests.clear()
        self._requests[key] = read_request
