"""Slowing those who try: passwords for an account, or mail to an address, from one network address or many.

A try is counted before its outcome is known, in one statement that takes each counter's row lock, so that a hundred
tries at once count as a hundred. Whoever has used up the free ones waits twice as long after each further one. It is
counted the same for accounts that do not exist. What succeeds is given back; an hour without a try forgives all.

The counters are in the database, not in Redis, because this limit must hold where there is no Redis.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import NamedTuple

import peewee
from flask import request

from blog_app.accounts.models import Attempt
from blog_app.config import settings
from blog_app.data.models import now
from blog_app.errors import TooManyRequests

FORGIVEN_AFTER = timedelta(hours=1)
SWEPT_AT_ONCE = 10


class Limit(NamedTuple):
    """How many tries are free, and how long the longest wait is."""

    kind: str
    free: int
    longest_wait: timedelta


ACCOUNT = Limit("sign-in to account", 5, timedelta(minutes=5))
CLIENT = Limit("sign-in from", 100, timedelta(minutes=15))
MAILBOX = Limit("mail to", 5, timedelta(minutes=30))
MAIL_CLIENT = Limit("mail from", 50, timedelta(minutes=30))


def try_password(account: str) -> None:
    """Count a try to show the password of an account; raise `TooManyRequests` with the seconds to wait."""
    _try((ACCOUNT, account), (CLIENT, _client()))


def password_was_right(account: str) -> None:
    """Give back what a try with the right password has cost."""
    Attempt.delete().where(Attempt.key == _key(ACCOUNT, account)).execute()
    Attempt.update(attempts=peewee.fn.greatest(Attempt.attempts - 1, 0)).where(
        Attempt.key == _key(CLIENT, _client())
    ).execute()


def try_mail(address: str) -> None:
    """Count a wish to send mail to an address; raise `TooManyRequests` with the seconds to wait."""
    _try((MAILBOX, address), (MAIL_CLIENT, _client()))


def _try(*wanted: tuple[Limit, str]) -> None:
    _sweep()
    for limit, subject in wanted:
        if not _count(limit, _key(limit, subject)):
            waiting = Attempt.get_by_id(_key(limit, subject)).wait_until - now()
            raise TooManyRequests(
                "Too many tries. Wait before the next one.",
                headers={"Retry-After": str(max(1, round(waiting.total_seconds())))},
            )


def _count(limit: Limit, key: bytes) -> bool:
    """Count a try and set how long the next one must wait; return False if this one comes too early."""
    instant = now()
    forgiven = Attempt.tried_at < instant - FORGIVEN_AFTER
    attempts = peewee.Case(None, ((forgiven, 1),), Attempt.attempts + 1)
    doublings = peewee.fn.least(attempts - limit.free, 20)
    seconds = peewee.fn.least(peewee.fn.power(2, doublings), limit.longest_wait.total_seconds())
    pause = peewee.Case(None, ((attempts > limit.free, peewee.SQL("interval '1 second'") * seconds),), timedelta())
    query = (
        Attempt.insert(key=key, attempts=1, tried_at=instant, wait_until=instant)
        .on_conflict(
            conflict_target=[Attempt.key],
            update={Attempt.attempts: attempts, Attempt.tried_at: instant, Attempt.wait_until: instant + pause},
            where=Attempt.wait_until <= instant,
        )
        .returning(Attempt.attempts)
        .tuples()
    )
    return bool(list(query.execute()))


def _sweep() -> None:
    """Remove a few counters that say nothing any more, so that the table stays as small as the trouble is."""
    old = (
        Attempt.select(Attempt.key)
        .where(Attempt.tried_at < now() - FORGIVEN_AFTER)
        .limit(SWEPT_AT_ONCE)
        .for_update("FOR UPDATE SKIP LOCKED")
    )
    Attempt.delete().where(Attempt.key.in_(old)).execute()


def _key(limit: Limit, subject: str) -> bytes:
    """Return a counter's key: a keyed hash, because the table is nobody's address book."""
    return hmac.digest(settings().secret_key.encode(), f"{limit.kind} {subject}".encode(), hashlib.sha256)


def _client() -> str:
    return request.remote_addr or "unknown"
