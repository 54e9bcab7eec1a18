"""Authentication and authorization: who sends the request, and on which objects they may do what they ask.

A caller sends an opaque token, `Authorization: Bearer …`. The accounts domain knows who holds it: the app factory hands
its lookup to `init_app`. What a caller may do is read from `blog_app.permissions`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask

from blog_app.api.token_cache import Identity, TokenCache
from blog_app.data import cache
from blog_app.data.compiled import reusable
from blog_app.data.uuids import parse_uuid
from blog_app.data.watermarks.lookup import CacheKey, Lookup
from blog_app.errors import Forbidden, Unauthorized
from blog_app.permissions import PERMISSIONS, Scope

NEEDS_TOKEN = "Authentication required: send a token as `Authorization: Bearer TOKEN`."  # noqa: S105 - a message


class Caller(NamedTuple):
    """Who sends the request, and on which objects they may do what they ask."""

    identity: Identity | None
    scope: Scope


NOBODY = Caller(None, Scope.NO)
_caller: ContextVar[Caller] = ContextVar("caller", default=NOBODY)


def init_app(app: Flask, tokens: TokenCache) -> None:
    """Authenticate the callers of `app` by their tokens."""
    app.extensions["token_cache"] = tokens


class BearerToken:
    """The token of one request, or its absence.

    Before authorization, `presumed` tells who sends the request as far as this process remembers, so that a cached
    response can be looked up by the same round trip that verifies the token.
    """

    __slots__ = ("_hash", "_hint", "_tokens")

    def __init__(self, app: Flask, authorization: str | None) -> None:
        """`authorization` is the header; raise `Unauthorized` if it is malformed."""
        self._hash = None
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise Unauthorized("The Authorization header must read `Bearer TOKEN`.")
            self._hash = hash_token(token.strip())
        self._tokens: TokenCache = app.extensions["token_cache"]
        self._hint = self._tokens.hint(self._hash) if self._hash else None

    def presumed(self, endpoint: str) -> Caller | None:
        """Return who the caller is if the token is what it was; None if nothing is known of it."""
        if self._hash is None:
            return caller_at(endpoint, None)
        return caller_at(endpoint, self._hint.identity) if self._hint else None

    def authorize(self, endpoint: str, key: CacheKey | None = None) -> Lookup | None:
        """Set the caller of the request; raise `Unauthorized` or `Forbidden` unless they may use `endpoint`.

        Return what Redis has for `key`, by the same MGET that verifies the token.
        """
        keys = [each for each in (self._hint and self._hint.key, key) if each]
        lookups = cache.look_up(*keys) if keys else []
        identity = None
        if self._hash is not None:
            identity = self._tokens.identify(self._hash, self._hint, lookups[0] if self._hint else None)
            if identity is None:
                raise Unauthorized("The token is invalid, expired or revoked.", headers=_challenge("invalid_token"))
            self._tokens.record_seen(identity.user_id)
        caller = caller_at(endpoint, identity)
        _caller.set(caller)
        if caller.scope is Scope.NO:
            raise _forbidden("Your roles do not allow this.") if identity else Unauthorized(NEEDS_TOKEN)
        return lookups[-1] if key else None


def caller_at(endpoint: str, identity: Identity | None) -> Caller:
    """Return the caller of an endpoint with what the table of permissions allows them there."""
    return Caller(identity, _scope_at(endpoint, identity.roles if identity else None))


@lru_cache(maxsize=4096)
def _scope_at(endpoint: str, roles: tuple[str, ...] | None) -> Scope:
    return PERMISSIONS[endpoint].scope(roles)


def clear() -> None:
    """Forget the caller, at the end of their request."""
    _caller.set(NOBODY)


def hash_token(token: str) -> bytes:
    """Return what is stored of a token. A token is 256 random bits, so one round of SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


@contextmanager
def anonymous() -> Iterator[None]:
    """Hide who the caller is, so that what is read in this context cannot depend on it."""
    token = _caller.set(Caller(None, scope()))
    try:
        yield
    finally:
        _caller.reset(token)


def current() -> Caller:
    """Return the caller of the current request."""
    return _caller.get()


def identity() -> Identity:
    """Return the signed-in caller; raise `Unauthorized` if there is none."""
    found = _caller.get().identity
    if found is None:
        raise Unauthorized(NEEDS_TOKEN)
    return found


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
        return model.within(scope(), caller) if caller else _visible_to_anonymous(model.within, scope()).clone()
    if scope() is not Scope.ALL:
        raise _forbidden("Your roles do not allow you to see deleted objects.")
    return model.with_deleted() if deleted == "with" else model.only_deleted()


def by_id_or_slug(model: Any, key: str, *, deleted: str | None = None) -> Any:
    """Return the query for the row of `model` with this id or slug, if the caller may see it; see `allowed`."""
    identifier = parse_uuid(key)
    condition = model.slug == key if identifier is None else model.id == identifier
    return allowed(model, deleted=deleted).where(condition)


@lru_cache(maxsize=256)
def _visible_to_anonymous(within: Callable[[Scope, None], Any], scope: Scope) -> Any:
    """Return the query for what a caller without a token may see: the same each time."""
    return reusable(within(scope, None))


def may_use(endpoint: str) -> bool:
    """Return whether the caller may use another operation too, at least on what is theirs."""
    return caller_at(endpoint, _caller.get().identity).scope is not Scope.NO


def require(endpoint: str) -> None:
    """Raise `Forbidden` unless the caller may use another operation too, at least on what is theirs."""
    if not may_use(endpoint):
        raise _forbidden("Your roles do not allow this.")


def _forbidden(detail: str) -> Forbidden:
    return Forbidden(detail, headers=_challenge("insufficient_scope"))


def _challenge(error: str) -> dict[str, str]:
    """Return the header that says what is wrong with a token (RFC 6750, section 3.1)."""
    return {"WWW-Authenticate": f'{Unauthorized.headers["WWW-Authenticate"]}, error="{error}"'}


def require_all() -> None:
    """Raise `Forbidden` unless the caller may do this to all objects."""
    if scope() is not Scope.ALL:
        raise _forbidden("Your roles do not allow this.")


def require_ownership(record: Any) -> None:
    """Raise `Forbidden` if the caller may only change their own objects, and `record` is not theirs."""
    if scope() is not Scope.OWN:
        return
    owners = getattr(record, "owner_ids", None) or (record.owner_id,)  # A friendship is of two.
    if user_id() not in owners:
        raise Forbidden("This belongs to another user.")
