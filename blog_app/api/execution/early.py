"""Reads before Flask: the GET of a list or an item is answered here, by the same functions, without its machinery.

Routing, authorization, the cache, the view and the representation are what they are for any request. Left out are
Flask's context, its request and response objects, and its hooks, which cost more than a hit does. What hooks do to a
GET's answer is done here too. Every answer, also Flask's, gets its request's id and its line in the log here.

Whatever is no plain answer goes on to Flask: another method, another site's page, an address that is routed nowhere,
and errors: an exception is handed over, so that it is answered as any other, and nothing is done twice.

The address of a list, and one at which there was a hit, is remembered with all that does not depend on who asks: from
then on a hit is one MGET (the answer, its marks, the caller's token), a look into the table of permissions, and a
response.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import MapAdapter

from blog_app import logs
from blog_app.api import auth
from blog_app.api.execution import read_hooks, reading
from blog_app.api.operation import Address, Operation
from blog_app.api.responses import etag, headers
from blog_app.config import Settings
from blog_app.data import databases
from blog_app.data.cache import Answer

MOST_ADDRESSES = 10_000
LONGEST_ADDRESS = 500
"""With this many characters each, that many addresses take some megabytes, whatever somebody asks for."""
FAILED = "blog_app.failed"
"""The key of the WSGI environment under which an exception is handed over."""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Early:
    """The WSGI app in front of Flask's. `operations` yields those of the app, once its blueprints are registered."""

    def __init__(self, app: Flask, behind: WSGI, operations: Callable[[Flask], Iterable[Operation]]) -> None:
        settings: Settings = app.config["SETTINGS"]
        self._app = app
        self._behind = behind
        self._operations = operations
        self._vary = headers.vary(settings)
        self._addresses: dict[tuple[str, str], Address] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        logs.begin_request(environ.get("HTTP_X_REQUEST_ID", ""))
        try:
            # Another site's page is answered with headers of its own.
            if environ["REQUEST_METHOD"] == "GET" and "HTTP_ORIGIN" not in environ:
                address = self._address(environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
                if address is not None:
                    return self._read(address, environ, start_response)
            return self._go_on(environ, start_response)
        finally:
            auth.forget()
            logs.end_request()

    def _go_on(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, found: list[tuple[str, str]], *error: Any) -> Any:
            path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
            logs.log_request(
                environ["REQUEST_METHOD"], path, int(status[:3]), auth.user_id(), dict(found).get("X-Cache")
            )
            return start_response(status, [*found, ("X-Request-Id", logs.request_id() or "")], *error)

        return self._behind(environ, start)

    def _read(self, address: Address, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            answer, how = reading.answer(self._app, address, environ.get("HTTP_AUTHORIZATION"))
        except Exception as error:
            environ[FAILED] = error
            return self._go_on(environ, start_response)
        finally:
            databases.release()
        if how == "hit" or not address.values:
            self._remember(address)
        read_hooks.tell(self._app, address.operation.endpoint, answer, auth.scope(), environ)
        known = etag.matches(environ.get("HTTP_IF_NONE_MATCH"), answer.etag)
        start_response("304 NOT MODIFIED" if known else "200 OK", self._headers(answer, how, known=known))
        logs.log_request("GET", address.path, 304 if known else 200, auth.user_id(), how or None)
        return [] if known else [answer.body]

    def _headers(self, answer: Answer, how: str, *, known: bool) -> list[tuple[str, str]]:
        found = [
            ("ETag", f'"{answer.etag}"'),
            ("Cache-Control", headers.cache_control(signed_in=auth.caller() is not None)),
            ("Vary", self._vary),
            *headers.ALWAYS,
            ("X-Request-Id", logs.request_id() or ""),
        ]
        if how:
            found.append(("X-Cache", how))
        if how == "hit":
            found.append(("Age", reading.age(answer)))
        if answer.link:
            found.append(("Link", answer.link))
        if not known:
            found += [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
        return found

    def _address(self, path: str, query_string: str) -> Address | None:
        """Return the address of a list or an item; None if it is no such thing, or Flask should look at it first."""
        known = self._addresses.get((path, query_string))
        if known or not path.isascii():  # What is not ASCII is UTF-8 that is still to be decoded.
            return known
        try:
            endpoint, values = self._routes.match(path, "GET")
        except HTTPException:
            return None
        operation = self._reads.get(endpoint)
        return Address(operation, dict(values), path, query_string.encode("latin-1")) if operation else None

    @cached_property
    def _routes(self) -> MapAdapter:
        return self._app.url_map.bind("")

    @cached_property
    def _reads(self) -> dict[str, Operation]:
        """The operations that are answered here, by Flask's name of their route."""
        return {each.rule_endpoint: each for each in self._operations(self._app) if each.produce}

    def _remember(self, address: Address) -> None:
        key = address.path, address.query_string.decode("latin-1")
        if key in self._addresses or sum(map(len, key)) > LONGEST_ADDRESS:
            return
        if len(self._addresses) >= MOST_ADDRESSES:
            self._addresses.clear()
        self._addresses[key] = address
