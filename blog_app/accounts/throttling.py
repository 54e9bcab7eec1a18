"""Login throttling: brute-force protection for passwords, and a limit on mails, by account and by client IP address.

An attempt is counted before its outcome is known, in one statement that locks the counter's row, so that a hundred
concurrent attempts count as a hundred. After the free attempts the wait doubles with each further one (exponential
backoff). Accounts that do not exist are counted in the same way. A success takes its attempt back; an hour without an
attempt resets the counter.

The counters are in the database, not in Redis, because this limit must hold without Redis.
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

RESET_AFTER = timedelta(hours=1)
CLEANUP_BATCH_SIZE = 10


class Limit(NamedTuple):
    """How many attempts are free, and the longest wait after them."""

    kind: str
    free_attempts: int
    max_wait: timedelta


ACCOUNT = Limit("sign-in to account", 5, timedelta(minutes=5))
CLIENT = Limit("sign-in from", 100, timedelta(minutes=15))
MAIL_RECIPIENT = Limit("mail to", 5, timedelta(minutes=30))
MAIL_CLIENT = Limit("mail from", 50, timedelta(minutes=30))


def count_password_attempt(account: str) -> None:
    """Count an attempt to give the password of an account; raise `TooManyRequests` with the seconds to wait."""
    _count_or_refuse((ACCOUNT, account), (CLIENT, _client()))


def forgive_password_attempts(account: str) -> None:
    """Reset the account's counter, and take one attempt off the client's, after a correct password."""
    Attempt.delete().where(Attempt.key == _key(ACCOUNT, account)).execute()
    Attempt.update(attempts=peewee.fn.greatest(Attempt.attempts - 1, 0)).where(
        Attempt.key == _key(CLIENT, _client())
    ).execute()


def count_mail_request(address: str) -> None:
    """Count a request that sends mail to an address; raise `TooManyRequests` with the seconds to wait."""
    _count_or_refuse((MAIL_RECIPIENT, address), (MAIL_CLIENT, _client()))


def _count_or_refuse(*counters: tuple[Limit, str]) -> None:
    _delete_expired()
    for limit, subject in counters:
        if not _count(limit, _key(limit, subject)):
            wait = Attempt.get_by_id(_key(limit, subject)).wait_until - now()
            seconds = max(1, round(wait.total_seconds()))
            raise TooManyRequests(
                f"Too many attempts. Retry in {seconds} seconds.", headers={"Retry-After": str(seconds)}
            )


def _count(limit: Limit, key: bytes) -> bool:
    """Count an attempt and set the wait before the next; return False if this one comes too early."""
    instant = now()
    is_expired = Attempt.tried_at < instant - RESET_AFTER
    attempts = peewee.Case(None, ((is_expired, 1),), Attempt.attempts + 1)
    doublings = peewee.fn.least(attempts - limit.free_attempts, 20)
    seconds = peewee.fn.least(peewee.fn.power(2, doublings), limit.max_wait.total_seconds())
    wait = peewee.Case(
        None, ((attempts > limit.free_attempts, peewee.SQL("interval '1 second'") * seconds),), timedelta()
    )
    query = (
        Attempt.insert(key=key, attempts=1, tried_at=instant, wait_until=instant)
        .on_conflict(
            conflict_target=[Attempt.key],
            update={Attempt.attempts: attempts, Attempt.tried_at: instant, Attempt.wait_until: instant + wait},
            where=Attempt.wait_until <= instant,
        )
        .returning(Attempt.attempts)
        .tuples()
    )
    return bool(list(query.execute()))


def _delete_expired() -> None:
    """Delete a few expired counters, so that the table stays small."""
    expired = (
        Attempt.select(Attempt.key)
        .where(Attempt.tried_at < now() - RESET_AFTER)
        .limit(CLEANUP_BATCH_SIZE)
        .for_update("FOR UPDATE SKIP LOCKED")
    )
    Attempt.delete().where(Attempt.key.in_(expired)).execute()


def _key(limit: Limit, subject: str) -> bytes:
    """Return a counter's key: an HMAC, so that the table holds no email or IP addresses."""
    return hmac.digest(settings().secret_key.encode(), f"{limit.kind} {subject}".encode(), hashlib.sha256)


def _client() -> str:
    return request.remote_addr or "unknown"
