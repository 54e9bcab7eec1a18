"""Signed tokens in mails, for email confirmation and password reset: each has a purpose, expires, and works once.

A token works once because it names a row that its use deletes, or the version of the credentials that its use raises.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from typing import Any, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from blog_app.config import settings
from blog_app.errors import Invalid, invalid


class Purpose(NamedTuple):
    """What a token is for, and how long it is valid; a token for another purpose is invalid."""

    name: str
    hours: int


REGISTRATION = Purpose("registration", 24)
EMAIL_CHANGE = Purpose("email change", 24)
PASSWORD_RESET = Purpose("password reset", 1)
INVITATION = Purpose("invitation", 7 * 24)


def sign(purpose: Purpose, **content: Any) -> str:
    """Return a token with this content, which its holder can read but not change."""
    return str(_serializer(purpose).dumps(content))


def verify(token: str, *purposes: Purpose) -> dict[str, Any]:
    """Return the content of a token; raise `Invalid` unless it is signed for one of these and not expired."""
    for purpose in purposes:
        with suppress(BadData):
            return dict(_serializer(purpose).loads(token, max_age=purpose.hours * 3600))
    raise invalid_token()


def invalid_token() -> Invalid:
    """Return the error for a token that is invalid, expired or used, without saying which."""
    return invalid("token", "The token is invalid, has expired, or was already used. Request a new one.")


def _serializer(purpose: Purpose) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        settings().secret_key, salt=f"blog_app.accounts.{purpose.name}", signer_kwargs={"digest_method": hashlib.sha256}
    )
