"""The token cache: who holds a token, asked of the accounts domain and cached in Redis for as long as it is valid.

A token's record is cached like a hot response: it is invalidated by the first write to the token, its user or their
roles, so a revoked token is refused from the next request on. To look the record up, a process remembers a hint, which
says where to look, never what is true: docs/decisions/0002-token-and-response-in-one-mget.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from blog_app.data import cache
from blog_app.data.watermarks.lookup import CacheKey, Lookup

MAX_HINTS = 10_000


class Identity(NamedTuple):
    """The signed-in caller."""

    user_id: UUID
    name: str
    roles: tuple[str, ...]
    token_id: UUID
    has_blocks: bool = False
    """Whether they block, or are blocked by, another user: then they see users differently than others do."""

    def dumps(self) -> bytes:
        return f"{self.user_id} {self.token_id} {self.has_blocks:d} {','.join(self.roles)} {self.name}".encode()

    @classmethod
    def loads(cls, value: bytes) -> Identity:
        user_id, token_id, has_blocks, roles, name = value.decode().split(" ", 4)
        return cls(UUID(user_id), name, tuple(filter(None, roles.split(","))), UUID(token_id), has_blocks == "1")


class TokenHolder(NamedTuple):
    """Who holds a token, and for how many seconds more."""

    identity: Identity
    seconds: float


class Hint(NamedTuple):
    """What a process last knew of a token."""

    identity: Identity
    record: bytes
    """The identity as Redis has it."""
    key: CacheKey


class TokenCache:
    """The holders of tokens.

    `find_holder` returns the holder of the token with a hash, None if nobody may use it; `depends_on` returns the
    collections on which that depends; `record_seen` is told whose token was sent, on each request.
    """

    def __init__(
        self,
        find_holder: Callable[[bytes], TokenHolder | None],
        depends_on: Callable[[Identity], tuple[tuple[str, str], ...]],
        record_seen: Callable[[UUID], None],
    ) -> None:
        self.find_holder = find_holder
        self.depends_on = depends_on
        self.record_seen = record_seen
        self._hints: dict[bytes, Hint] = {}

    def hint(self, token_hash: bytes) -> Hint | None:
        """Return what this process last knew of a token."""
        return self._hints.get(token_hash)

    def identify(self, token_hash: bytes, hint: Hint | None, found: Lookup | None) -> Identity | None:
        """Return the token's holder, None if there is none; `found` is what Redis has for the hint's key."""
        if hint is None:
            holder = self.find_holder(token_hash)
            return self._remember(token_hash, holder.identity) if holder else None
        record = found.hit() if found else None
        if record == hint.record:
            return hint.identity
        identity = Identity.loads(record) if record else self._refresh(token_hash, found)
        if identity is None:
            self._hints.pop(token_hash, None)
        elif identity != hint.identity:
            self._remember(token_hash, identity)
        return identity

    def _remember(self, token_hash: bytes, identity: Identity) -> Identity:
        if len(self._hints) >= MAX_HINTS:
            self._hints.clear()
        key = CacheKey(self.depends_on(identity), f"holder:{token_hash.hex()}")
        self._hints[token_hash] = Hint(identity, identity.dumps(), key)
        return identity

    def _refresh(self, token_hash: bytes, found: Lookup | None) -> Identity | None:
        """Return the holder as the database knows it; cache that if no write is pending."""
        storable = found is not None and not found.watch_pending_writes() and found.establish()
        asked = time.monotonic()
        holder = self.find_holder(token_hash)
        if found and storable and holder:
            found.store(holder.identity.dumps(), asked + min(holder.seconds, cache.LIFETIME))
        return holder.identity if holder else None
