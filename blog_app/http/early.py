"""Hits before Flask: what was answered from the cache at an address is looked for there first, next time.

The first hit at an address goes all the way, through routing, authorization and arguments, and leaves behind what they
found out: which endpoint it is, and on which collections its answers depend. From then on a GET for that address is one
MGET (the answer, its marks, the caller's token), a look into the table of permissions, and a response, with the same
headers and the same log line. Whatever is not a plain hit goes all the way.

What is done to every request of the app, before or after its view, must be done here too, if it concerns a GET.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast

from flask import Flask, Request

from blog_app import auth, cache, logs
from blog_app.cache import Answer
from blog_app.config import Settings
from blog_app.errors import Unauthorized
from blog_app.http import etag, headers, seen
from blog_app.identities import Identities, Identity
from blog_app.permissions import PERMISSIONS, Scope
from blog_app.watermarks.reading import Wanted

MOST_ADDRESSES = 10_000
LONGEST_ADDRESS = 500
"""With this many characters each, that many addresses take some megabytes, whatever somebody asks for."""

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Address(NamedTuple):
    """What is known of an address at which there was a hit."""

    path: str
    endpoint: str
    entries: dict[Scope, Wanted]
    """The kept answer for each scope."""


class Early:
    """The WSGI app in front of Flask's."""

    def __init__(self, app: Flask, behind: WSGI) -> None:
        settings: Settings = app.config["SETTINGS"]
        self._app = app
        self._behind = behind
        self._vary = headers.vary(settings)
        self._addresses: dict[tuple[str, str], Address] = {}

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        address = self._addresses.get(_key(environ))
        # Another site's page is answered with headers of its own.
        if address is None or environ["REQUEST_METHOD"] != "GET" or "HTTP_ORIGIN" in environ:
            return self._behind(environ, start_response)
        started = time.perf_counter()
        hit = self._hit(address, environ)
        if hit is None:
            return self._behind(environ, start_response)
        scope, identity, found = hit
        seen.tell(self._app, address.endpoint, found, scope, environ)
        request_id = logs.id_for(environ.get("HTTP_X_REQUEST_ID", ""))
        known = etag.matches(environ.get("HTTP_IF_NONE_MATCH"), found.etag)
        answered = [
            ("ETag", f'"{found.etag}"'),
            ("X-Cache", "hit"),
            ("Age", str(max(0, int(time.time() - found.stored)))),
            ("Cache-Control", headers.cache_control(signed_in=identity is not None)),
            ("Vary", self._vary),
            *headers.ALWAYS,
            ("X-Request-Id", request_id),
        ]
        if found.link:
            answered.append(("Link", found.link))
        if not known:
            answered += [("Content-Type", found.content_type), ("Content-Length", str(len(found.body)))]
        start_response("304 NOT MODIFIED" if known else "200 OK", answered)
        user = str(identity.user_id) if identity else None
        logs.tell("GET", address.path, 304 if known else 200, started, user, request_id, "hit")
        return [] if known else [found.body]

    def remember(self, request: Request, endpoint: str, entries: dict[Scope, Wanted]) -> None:
        """Note that a request was answered by a hit, and by which entries others may be."""
        key = _key(request.environ)
        if sum(map(len, key)) > LONGEST_ADDRESS:
            return
        if len(self._addresses) >= MOST_ADDRESSES:
            self._addresses.clear()
        self._addresses[key] = Address(request.path, endpoint, entries)

    def _hit(self, address: Address, environ: dict[str, Any]) -> tuple[Scope, Identity | None, Answer] | None:
        """Return who asks, and what is kept for them; None if it takes more than a look to know."""
        rule = PERMISSIONS[address.endpoint]

        def scope_of(identity: Identity | None) -> Scope:
            return rule.scope(identity.roles if identity else None)

        def wanted(identity: Identity | None) -> Wanted | None:
            return None if identity and identity.apart else address.entries.get(scope_of(identity))

        try:
            token_hash = auth.token_hash(environ.get("HTTP_AUTHORIZATION"))
        except Unauthorized:
            return None
        identity = None
        if token_hash is None:
            entry = wanted(None)
            found = cache.glance(entry)[0] if entry else None
        else:
            identities = cast(Identities, self._app.extensions["identities"])
            guess = identities.guess(token_hash)
            if guess is None or wanted(guess) is None:
                return None
            identity, found = identities.recall(token_hash, wanted)
        kept = found.hit() if found else None
        if kept is None:
            return None
        cache.count(address.endpoint, "hit")
        return scope_of(identity), identity, Answer.loads(kept)


def _key(environ: dict[str, Any]) -> tuple[str, str]:
    return environ["PATH_INFO"], environ.get("QUERY_STRING", "")
