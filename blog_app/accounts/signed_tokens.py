"""Signed tokens for links in mails: they name a purpose, expire, and cannot be made up.

Each works once: it names a row that its use deletes, or the version of the credentials that its use raises.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from blog_app.config import settings
from blog_app.errors import Invalid, invalid


class Purpose(NamedTuple):
    """What a token is for; one for another purpose is refused."""

    name: str
    hours: int


REGISTRATION = Purpose("registration", 24)
EMAIL_CHANGE = Purpose("email change", 24)
PASSWORD_RESET = Purpose("password reset", 1)


def sign(purpose: Purpose, **content: Any) -> str:
    """Return a token with this content, which its holder can read and not change."""
    return str(_serializer(purpose).dumps(content))


def read(purpose: Purpose, token: str) -> dict[str, Any]:
    """Return the content of a token; raise `Invalid` unless it was signed for this purpose, lately enough."""
    try:
        return dict(_serializer(purpose).loads(token, max_age=purpose.hours * 3600))
    except BadData as error:
        raise refused() from error


def refused() -> Invalid:
    """Return the error for a token that does not count, without telling why."""
    return invalid("token", "It is not valid, has expired, or was used already.")


def _serializer(purpose: Purpose) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        settings().secret_key,
        salt=f"blog_app.accounts.{purpose.name}",
        signer_kwargs={"digest_method": hashlib.sha256},
    )
