"""Who is asking, and on which objects they may do what they ask.

A caller shows an opaque token, `Authorization: Bearer …`. How a token is looked up is the accounts domain's business:
the app factory hands its look-up to `init_app`. What the caller may do is read from `blog_app.permissions`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple, Protocol, cast
from uuid import UUID

from flask import Flask

from blog_app.api.token_cache import Identities, Identity
from blog_app.data import cache
from blog_app.data.compiled import lasting
from blog_app.data.watermarks.reading import Look, Wanted
from blog_app.errors import Forbidden, Unauthorized
from blog_app.permissions import PERMISSIONS, Scope


class Owned(Protocol):
    """A record that somebody owns."""

    @property
    def owner_id(self) -> UUID | None: ...


def init_app(app: Flask, identities: Identities) -> None:
    """Authenticate the callers of `app` by what the accounts domain tells of tokens."""
    app.extensions["identities"] = identities


def hash_token(token: str) -> bytes:
    """Return what is stored of a token. A token is 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


class Caller(NamedTuple):
    """Who asks, and on which objects they may do what they ask."""

    identity: Identity | None
    scope: Scope


NOBODY = Caller(None, Scope.NO)
_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def authorize(
    app: Flask,
    endpoint: str,
    authorization: str | None,
    answer: Callable[[Scope, Identity | None], Wanted | None] = lambda scope, identity: None,
) -> Look | None:
    """Find out who is asking; raise `Unauthorized` or `Forbidden` unless they may use `endpoint`.

    `authorization` is the header. Returns what Redis has of the `answer` that they want, if any is kept; it comes by
    the same round trip.
    """
    rule = PERMISSIONS[endpoint]
    hashed = token_hash(authorization)
    found: Look | None = None
    if hashed is None:
        identity, scope = None, rule.anonymous
        if wanted := answer(scope, None):
            (found,) = cache.glance(wanted)
    else:
        identities = cast(Identities, app.extensions["identities"])
        identity, found = identities.find(hashed, lambda identity: answer(rule.scope(identity.roles), identity))
        if identity is None:
            raise Unauthorized("The token is unknown, expired or revoked.")
        scope = rule.scope(identity.roles)
    _caller.set(Caller(identity, scope))
    if scope is Scope.NO:
        if identity is None:
            raise Unauthorized("This needs a token: send it as `Authorization: Bearer TOKEN`.")
        raise Forbidden("Your roles do not allow this.")
    return found


def forget() -> None:
    """Forget who was asking, at the end of their request."""
    _caller.set(NOBODY)


def token_hash(header: str | None) -> bytes | None:
    """Return the hash of the token in an `Authorization` header, None without one; raise `Unauthorized` for others."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthorized("The Authorization header must read `Bearer TOKEN`.")
    return hash_token(token.strip())


@contextmanager
def nobody() -> Iterator[None]:
    """Hide who is asking, so that what is answered meanwhile cannot depend on it."""
    token = _caller.set(Caller(None, scope()))
    try:
        yield
    finally:
        _caller.reset(token)


def identity() -> Identity:
    """Return the caller; raise `Unauthorized` if there is none."""
    found = _caller.get().identity
    if found is None:
        raise Unauthorized("This needs a token: send it as `Authorization: Bearer TOKEN`.")
    return found


def caller() -> Identity | None:
    """Return the caller, None for someone without a token."""
    return _caller.get().identity


def user_id() -> UUID | None:
    """Return the caller's id, None for someone without a token."""
    found = _caller.get().identity
    return found.user_id if found else None


def scope() -> Scope:
    """Return on which objects the caller may do what they ask."""
    return _caller.get().scope


def allowed(model: Any, *, deleted: str | None = None) -> Any:
    """Return the query for the rows of `model` that the caller may see in this request.

    `deleted` is what `?deleted=` asks for: `with` or `only`; raise `Forbidden` unless the caller may see everything.
    """
    if deleted is None:
        caller = user_id()
        return model.within(scope(), caller) if caller else _to_strangers(model.within, scope()).clone()
    if scope() is not Scope.ALL:
        raise Forbidden("What is deleted is seen only by those who may see everything.")
    return model.with_deleted() if deleted == "with" else model.only_deleted()


@lru_cache(maxsize=256)
def _to_strangers(within: Callable[[Scope, None], Any], scope: Scope) -> Any:
    """Return what somebody may see who is nobody in particular: the same query each time."""
    return lasting(within(scope, None))


def require_all() -> None:
    """Raise `Forbidden` unless the caller may do this to everything."""
    if scope() is not Scope.ALL:
        raise Forbidden("Only those may do this who may do it to everything.")


def require_ownership(record: Owned) -> None:
    """Raise `Forbidden` if the caller may only change their own, and `record` is somebody else's."""
    if scope() is not Scope.OWN:
        return
    owners = getattr(record, "owner_ids", None) or (record.owner_id,)  # A friendship is of two.
    if user_id() not in owners:
        raise Forbidden("This belongs to somebody else.")
