"""Login throttling: brute-force protection for passwords, and a limit on mails, by account, client and both together.

Three counters limit the attempts on passwords, and three the requests for mails:

* **The account and the client together**, a client being the network that the request comes from, or the session if it
  has a token. Whoever guesses slows only themselves down: the owner, elsewhere or signed in, is not locked out.
* **The client alone**, with all accounts that it tries.
* **The account alone**, with all clients that try it, against an attack that is spread over many addresses. A client
  that signed in to the account, or reset its password, in the last 90 days is not counted with the others, nor is a
  session. An owner at a new address who meets such an attack gets in by a password reset.

An attempt is counted before its outcome is known, under row locks, so that a hundred concurrent attempts count as a
hundred; one that is refused counts nowhere. After the free attempts the wait doubles with each further one (exponential
backoff). In an hour as many attempts are forgotten as are free, so that one patient client does not use up what an
account allows to all; an hour without an attempt resets the counter. A success takes its attempt back. Accounts that do
not exist are counted in the same way, with the same statements.

All of this is in the database, not in Redis, because it must hold without Redis; keys are hashed. It needs nothing of
the client: no cookie, and no second secret beside the token.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import peewee

from blog_app.accounts.models import Attempt, KnownClient
from blog_app.api.client_address import client_network
from blog_app.config import settings
from blog_app.data.models import now
from blog_app.errors import TooManyRequests

RESET_AFTER = timedelta(hours=1)
RECOGNIZED_FOR = timedelta(days=90)
CLEANUP_BATCH_SIZE = 10


class Limit(NamedTuple):
    """How many attempts are free, also in each hour, and the longest wait after them."""

    kind: str
    free_attempts: int
    max_wait: timedelta


ACCOUNT_AND_CLIENT = Limit("sign-in to account from", 5, timedelta(minutes=5))
CLIENT = Limit("sign-in from", 100, timedelta(minutes=15))
ACCOUNT = Limit("sign-in to account", 30, timedelta(minutes=5))
MAIL_RECIPIENT_AND_CLIENT = Limit("mail to recipient from", 5, timedelta(minutes=30))
MAIL_CLIENT = Limit("mail from", 50, timedelta(minutes=30))
MAIL_RECIPIENT = Limit("mail to", 10, timedelta(minutes=30))


def count_password_attempt(account: str, token_id: UUID | None = None) -> list[bytes]:
    """Count an attempt to give the password of an account, by a session or without one; return what was counted.

    Raise `TooManyRequests` with the seconds to wait if it comes too early.
    """
    device = f"{account} {token_id or client_network()}"
    strangers = device if token_id or _is_recognized(account) else account
    return _count_or_refuse((ACCOUNT_AND_CLIENT, device), (CLIENT, client_network()), (ACCOUNT, strangers))


def take_back(pair: bytes, *others: bytes) -> None:
    """Take back an attempt with the correct password, and all before it of this client on this account."""
    Attempt.delete().where(Attempt.key == pair).execute()
    _decrement(others)


def recognize_client(account: str) -> None:
    """Remember that the owner of the account uses this client."""
    _delete_expired(KnownClient, KnownClient.seen_at, RECOGNIZED_FOR)
    KnownClient.insert(key=_known(account), seen_at=now()).on_conflict(
        conflict_target=[KnownClient.key], update={KnownClient.seen_at: now()}
    ).execute()


def count_mail_request(address: str) -> None:
    """Count a request that sends mail to an address; raise `TooManyRequests` with the seconds to wait."""
    device = f"{address} {client_network()}"
    strangers = device if _is_recognized(address) else address
    _count_or_refuse((MAIL_RECIPIENT_AND_CLIENT, device), (MAIL_CLIENT, client_network()), (MAIL_RECIPIENT, strangers))


def _is_recognized(account: str) -> bool:
    query = KnownClient.select().where(KnownClient.key == _known(account), KnownClient.seen_at > now() - RECOGNIZED_FOR)
    return bool(query.exists())


def _count_or_refuse(*counters: tuple[Limit, str]) -> list[bytes]:
    """Count an attempt on all counters, or on none, and return their keys."""
    _delete_expired(Attempt, Attempt.tried_at, RESET_AFTER)
    counted: list[bytes] = []
    for limit, subject in counters:
        key = _key(limit.kind, subject)
        if not _count(limit, key):
            # No transaction does this: it would leave an entry in the audit trail.
            _decrement(counted)
            wait = Attempt.get_by_id(key).wait_until - now()
            seconds = max(1, round(wait.total_seconds()))
            raise TooManyRequests(
                f"Too many attempts. Retry in {seconds} seconds.", headers={"Retry-After": str(seconds)}
            )
        counted.append(key)
    return counted


def _decrement(keys: Iterable[bytes]) -> None:
    for key in keys:
        Attempt.update(attempts=peewee.fn.greatest(Attempt.attempts - 1, 0)).where(Attempt.key == key).execute()


def _count(limit: Limit, key: bytes) -> bool:
    """Count an attempt and set the wait before the next; return False if this one comes too early."""
    instant = now()
    hours = peewee.fn.date_part("epoch", peewee.Value(instant).cast("timestamptz") - Attempt.tried_at) / 3600
    forgotten = peewee.fn.floor(hours * limit.free_attempts).cast("integer")
    attempts = peewee.Case(
        None, ((Attempt.tried_at < instant - RESET_AFTER, 1),), peewee.fn.greatest(Attempt.attempts - forgotten, 0) + 1
    )
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


def _delete_expired(model: Any, column: Any, lifetime: timedelta) -> None:
    """Delete a few expired rows, so that the table stays small."""
    expired = (
        model.select(model.key)
        .where(column < now() - lifetime)
        .limit(CLEANUP_BATCH_SIZE)
        .for_update("FOR UPDATE SKIP LOCKED")
    )
    model.delete().where(model.key.in_(expired)).execute()


def _known(account: str) -> bytes:
    return _key("signed in to account from", f"{account} {client_network()}")


def _key(kind: str, subject: str) -> bytes:
    """Return a row's key: an HMAC, so that the table holds no email or IP addresses."""
    return hmac.digest(settings().secret_key.encode(), f"{kind} {subject}".encode(), hashlib.sha256)
