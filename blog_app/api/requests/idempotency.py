"""`Idempotency-Key`: a POST that is sent again has its effect once, and gets the first answer again.

A key belongs to its caller and to the logical database of the resource. The answer is stored in the transaction of
its effect, so after a crash at any moment either both are there or neither, and a retry is right in both cases.

* The same key with the same request: the stored answer again, with `Idempotency-Replayed: true`.
* The same key with another path, query or body: 422. What this guards against is a client's mistake.
* The same key while the first request is under way: 409 at once; nobody waits, a waiting retry would hold a connection.
* An answer that is an error is not stored, because nothing has happened: the retry is tried for real.
* After `KEPT` a key is free again, and the worker deletes its row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

import peewee
from flask import Response, request

from blog_app.api import auth
from blog_app.background import jobs
from blog_app.data import databases
from blog_app.data.databases import LogicalDatabase
from blog_app.data.models import Base, TimestampField, now
from blog_app.errors import BadRequest, Conflict, Invalid

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
RETRY_SOON = {"Retry-After": "1"}
PURGE_BATCH = 1_000
WELL_FORMED = re.compile(r"[\x21-\x7e]{1,100}")
STORED_HEADERS = ("Content-Type", "ETag", "Location", "Cache-Control")
ANYBODY = UUID(int=0)
"""Whose the keys of callers without a token are; a primary key takes no NULL."""


class StoredAnswer(Base):
    """The answer to a request that had a key."""

    user_id = peewee.UUIDField()
    key = peewee.CharField(max_length=100)
    fingerprint = peewee.BlobField()
    status = peewee.SmallIntegerField()
    headers = peewee.TextField()
    body = peewee.BlobField()
    created_at = TimestampField(default=now, index=True)

    class Meta:
        primary_key = peewee.CompositeKey("user_id", "key")
        watermarked = False  # It is read only by a retry, and there from the primary.


def _answers_in(name: str) -> type[StoredAnswer]:
    class Meta:
        database = databases.BY_NAME[name]
        schema = name
        table_name = "idempotency_keys"

    return type(f"{name.capitalize()}StoredAnswer", (StoredAnswer,), {"Meta": Meta})


ANSWERS: Mapping[str, type[StoredAnswer]] = {name: _answers_in(name) for name in databases.BY_NAME}


def key() -> str | None:
    """Return the key of the current request, None if it has none; raise `BadRequest` if it is malformed."""
    given = request.headers.get(HEADER)
    if given is not None and not WELL_FORMED.fullmatch(given):
        raise BadRequest(f"{HEADER} must have 1 to 100 printable ASCII characters without blanks.")
    return given


def once(database: LogicalDatabase, key: str, body: bytes, act: Callable[[], Response]) -> Response:
    """Return the answer of `act`, or the one that it gave before; call it in the transaction of its effect.

    `body` is what tells the request from others to the same address: its body, or a hash of it.
    """
    answers = ANSWERS[database.name]
    caller = auth.user_id() or ANYBODY
    _lock(database, caller, key)
    # A statement of its own: its snapshot must be younger than the lock.
    mine = (answers.user_id == caller) & (answers.key == key)
    stored = answers.select().where(mine & (answers.created_at > now() - KEPT)).first()
    if stored:
        return _replayed(stored, _fingerprint(body))
    response = act()
    database.pipeline(answers.delete().where(mine))
    stored = answers.insert(
        user_id=caller,
        key=key,
        fingerprint=_fingerprint(body),
        status=response.status_code,
        headers="\n".join(f"{name}: {response.headers[name]}" for name in STORED_HEADERS if name in response.headers),
        body=response.get_data(),
    )
    database.pipeline(stored)
    return response


def _lock(database: LogicalDatabase, caller: UUID, key: str) -> None:
    """Hold the key until the transaction ends; raise `Conflict` if somebody else does."""
    name = f"{database.name} {caller} {key}".encode()
    number = int.from_bytes(blake2b(name, digest_size=8).digest(), signed=True)
    if not database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (number,)).fetchone()[0]:
        raise Conflict("The request with this Idempotency-Key is under way: try again soon.", headers=RETRY_SOON)


def _fingerprint(body: bytes) -> bytes:
    """Return a hash of what makes the current request the same as another."""
    parts = (request.method.encode(), request.full_path.encode(), body)
    return sha256(b"\n".join(sha256(part).digest() for part in parts)).digest()


def _replayed(stored: Any, fingerprint: bytes) -> Response:
    if bytes(stored.fingerprint) != fingerprint:
        raise Invalid("This Idempotency-Key was used for another request: each request needs a key of its own.")
    headers = [tuple(line.split(": ", 1)) for line in stored.headers.splitlines()]
    response = Response(bytes(stored.body), status=stored.status, headers=headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def purge(database: LogicalDatabase) -> bool:
    """Delete the oldest keys that are free again, a batch of them; return whether there may be more."""
    answers = ANSWERS[database.name]
    old = answers.select(answers.user_id, answers.key).where(answers.created_at <= now() - KEPT)
    batch = old.order_by(answers.created_at).limit(PURGE_BATCH).for_update("FOR UPDATE SKIP LOCKED")
    pair = peewee.Tuple(answers.user_id, answers.key)
    return answers.delete().where(pair.in_(batch)).execute() == PURGE_BATCH


def _purge_hourly(database: LogicalDatabase) -> None:
    @jobs.every(timedelta(hours=1), database)
    def purge_idempotency_keys() -> bool:
        return purge(database)


for _database in databases.ALL:
    _purge_hourly(_database)
