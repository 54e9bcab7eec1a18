"""Who holds which token: asked of the accounts domain, and remembered in Redis for as long as it is true.

A token's record is kept like a hot answer: it ends with the first write to the token, its user or their roles, so a
token that was revoked is refused from the next request on. It rides in the same MGET as the answer that the request is
about; for that, each process remembers what it last knew of a token: that says where to look, never what is true.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from blog_app.data import cache, watermarks
from blog_app.data.watermarks.reading import Look, Wanted

MOST_HINTS = 10_000


class Identity(NamedTuple):
    """The signed-in caller."""

    user_id: UUID
    name: str
    roles: tuple[str, ...]
    token_id: UUID
    apart: bool = False
    """Whether they see other people otherwise than everybody does: they block somebody, or somebody blocks them."""

    def dumps(self) -> bytes:
        return f"{self.user_id} {self.token_id} {self.apart:d} {','.join(self.roles)} {self.name}".encode()

    @classmethod
    def loads(cls, value: bytes) -> Identity:
        user_id, token_id, apart, roles, name = value.decode().split(" ", 4)
        return cls(UUID(user_id), name, tuple(filter(None, roles.split(","))), UUID(token_id), apart == "1")


class Holder(NamedTuple):
    """Who holds a token, and for how many seconds more."""

    identity: Identity
    seconds: float


class Hint(NamedTuple):
    """What a process last knew of a token."""

    identity: Identity
    record: bytes
    wanted: Wanted


class Identities:
    """The holders of tokens.

    `look_up` returns the holder of the token with a hash, None if nobody may use it; `depends_on` names the collections
    on which that answer depends.
    """

    def __init__(
        self,
        look_up: Callable[[bytes], Holder | None],
        depends_on: Callable[[Identity], tuple[tuple[str, str], ...]],
    ) -> None:
        self.look_up = look_up
        self.depends_on = depends_on
        self._hints: dict[bytes, Hint] = {}

    def recall(
        self, token_hash: bytes, answer: Callable[[Identity], Wanted | None]
    ) -> tuple[Identity | None, Look | None]:
        """Return the token's holder, if this process and Redis know enough, and what Redis has of the `answer`."""
        hint = self._hints.get(token_hash)
        if hint is None:
            return None, None
        also = answer(hint.identity)
        record, *found = cache.glance(hint.wanted, *([also] if also else []))
        if record is None or record.hit() != hint.record:
            return None, None
        return hint.identity, found[0] if found else None

    def find(
        self, token_hash: bytes, answer: Callable[[Identity], Wanted | None]
    ) -> tuple[Identity | None, Look | None]:
        """Return the token's holder, None if nobody holds it, and what Redis has of the `answer` that they want."""
        if watermarks.keeper is None:
            holder = self.look_up(token_hash)
            return (holder.identity if holder else None), None
        identity, found = self.recall(token_hash, answer)
        if identity is None:
            identity = self._learn(token_hash)
            wanted = answer(identity) if identity else None
            found = cache.glance(wanted)[0] if wanted else None
        return identity, found

    def _learn(self, token_hash: bytes) -> Identity | None:
        """Return the holder as Redis or the database knows it, and see to it that this process, then Redis do."""
        hint = self._hints.get(token_hash)
        if hint is None:
            holder = self.look_up(token_hash)
            return self._remember(token_hash, holder.identity).identity if holder else None
        (record,) = cache.glance(hint.wanted)
        kept = record.hit() if record else None
        identity = Identity.loads(kept) if kept else self._renew(token_hash, record)
        if identity is None:
            self._hints.pop(token_hash, None)
        elif identity != hint.identity:
            self._remember(token_hash, identity)
        return identity

    def _remember(self, token_hash: bytes, identity: Identity) -> Hint:
        if len(self._hints) >= MOST_HINTS:
            self._hints.clear()
        wanted = Wanted(self.depends_on(identity), f"holder:{token_hash.hex()}")
        hint = self._hints[token_hash] = Hint(identity, identity.dumps(), wanted)
        return hint

    def _renew(self, token_hash: bytes, record: Look | None) -> Identity | None:
        """Return the holder as the database knows it; keep that, if nothing is under way."""
        keeps = record is not None and not record.busy() and record.establish()
        asked = time.monotonic()
        holder = self.look_up(token_hash)
        if record and keeps and holder:
            record.store(holder.identity.dumps(), asked + min(holder.seconds, cache.LIFETIME))
        return holder.identity if holder else None
