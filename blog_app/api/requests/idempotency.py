"""`Idempotency-Key`: a retried POST takes effect once, and gets the first response again.

A key belongs to its caller and to the logical database of the resource. The response is stored in the transaction of
its effect: after a crash at any moment both are there or neither, and a retry is correct in both cases. What a retry
gets in which case: docs/reference/http-conventions.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from hashlib import blake2b, sha256
from typing import Any
from uuid import UUID

import peewee
from flask import Response, request

from blog_app.api import auth
from blog_app.background import jobs
from blog_app.data.databases import LogicalDatabase
from blog_app.data.models import Base, TimestampField, model_for_each_database, now
from blog_app.errors import BadRequest, Conflict, Invalid

HEADER = "Idempotency-Key"
RETENTION = timedelta(hours=24)
PURGE_BATCH = 1_000
VALID_KEY = re.compile(r"[\x21-\x7e]{1,100}")
STORED_HEADERS = ("Content-Type", "ETag", "Location", "Cache-Control")
ANONYMOUS = UUID(int=0)
"""The user id of callers without a token; a primary key takes no NULL."""


class StoredResponse(Base):
    """The response to a request with a key."""

    user_id = peewee.UUIDField()
    key = peewee.CharField(max_length=100)
    fingerprint = peewee.BlobField()
    status = peewee.SmallIntegerField()
    headers = peewee.TextField()
    body = peewee.BlobField()
    created_at = TimestampField(default=now, index=True)

    class Meta:
        primary_key = peewee.CompositeKey("user_id", "key")
        watermarked = False  # Only a retry reads it, from the primary.


STORED_RESPONSES = model_for_each_database(StoredResponse, "idempotency_keys")


def key() -> str | None:
    """Return the key of the current request, None if it has none; raise `BadRequest` if it is malformed."""
    given = request.headers.get(HEADER)
    if given is not None and not VALID_KEY.fullmatch(given):
        raise BadRequest(f"{HEADER} must have 1 to 100 printable ASCII characters without spaces.")
    return given


def run_once(database: LogicalDatabase, key: str, body: bytes, run: Callable[[], Response]) -> Response:
    """Return the response stored for this key, or call `run` and store its response; to be called in the transaction.

    `body` identifies the request among those to the same URL: its body, or a hash of it.
    """
    model = STORED_RESPONSES[database.name]
    caller = auth.user_id() or ANONYMOUS
    _lock(database, caller, key)
    # A statement of its own: its snapshot must be younger than the lock.
    same_key = (model.user_id == caller) & (model.key == key)
    stored = model.select().where(same_key & (model.created_at > now() - RETENTION)).first()
    if stored:
        return _replayed(stored, _fingerprint(body))
    response = run()
    database.pipeline(model.delete().where(same_key))
    insertion = model.insert(
        user_id=caller,
        key=key,
        fingerprint=_fingerprint(body),
        status=response.status_code,
        headers="\n".join(f"{name}: {response.headers[name]}" for name in STORED_HEADERS if name in response.headers),
        body=response.get_data(),
    )
    database.pipeline(insertion)
    return response


def _lock(database: LogicalDatabase, caller: UUID, key: str) -> None:
    """Take the advisory lock of the key until the transaction ends; raise `Conflict` if another transaction has it.

    It does not wait, because that would hold a connection.
    """
    name = f"{database.name} {caller} {key}".encode()
    number = int.from_bytes(blake2b(name, digest_size=8).digest(), signed=True)
    if not database.execute_sql("SELECT pg_try_advisory_xact_lock(%s)", (number,)).fetchone()[0]:
        text = "A request with this Idempotency-Key is still running. Retry shortly."
        raise Conflict(text, headers={"Retry-After": "1"})


def _fingerprint(body: bytes) -> bytes:
    """Return a hash of the current request with this body."""
    parts = (request.method.encode(), request.full_path.encode(), body)
    return sha256(b"\n".join(sha256(part).digest() for part in parts)).digest()


def _replayed(stored: Any, fingerprint: bytes) -> Response:
    if bytes(stored.fingerprint) != fingerprint:
        raise Invalid("This Idempotency-Key was already used for a different request. Use a new key for each request.")
    headers = [tuple(line.split(": ", 1)) for line in stored.headers.splitlines()]
    response = Response(bytes(stored.body), status=stored.status, headers=headers)
    response.headers["Idempotency-Replayed"] = "true"
    return response


@jobs.every_in_each_database(timedelta(hours=1))
def purge_idempotency_keys(database: LogicalDatabase) -> bool:
    """Delete a batch of the oldest expired keys; return whether there may be more."""
    model = STORED_RESPONSES[database.name]
    expired = model.select(model.user_id, model.key).where(model.created_at <= now() - RETENTION)
    batch = expired.order_by(model.created_at).limit(PURGE_BATCH).for_update("FOR UPDATE SKIP LOCKED")
    primary_key = peewee.Tuple(model.user_id, model.key)
    return model.delete().where(primary_key.in_(batch)).execute() == PURGE_BATCH
