"""Password policy, and password hashing with Argon2id (RFC 9106, low-memory parameters).

A hash takes 64 MB and all cores for a while, so a process computes few at once: every hash needs a slot of
`blog_app.data.slots`, also that of a sign-in to an account that does not exist.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from flask import current_app

from blog_app.data.slots import slots

MIN_LENGTH = 8
COMMON = Path(__file__).with_name("common_passwords.txt")

hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$btABsOe6chUa/BVDaPNqvQ$7YHGv+97Se7x5CbTAW9GQGFt1BxKZEA3retQi325ImE"
"""The hash of no account's password, with the parameters of `hasher`; to compute it would slow down every start."""


def weakness(password: str) -> str | None:
    """Return why a new password is not acceptable, None if it is."""
    password = _normal(password)
    if len(password) < MIN_LENGTH:
        return f"Must have at least {MIN_LENGTH} characters."
    if not any(letter.isupper() for letter in password):
        return "Must have an uppercase letter."
    if not any(letter.isdecimal() for letter in password):
        return "Must have a digit."
    if password.lower() in _common():
        return "Must not be a common password."
    return None


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters; raise `Busy` if others are hashing.

    It is slow: hold no transaction.
    """
    with slots(current_app).password_hashes:
        return hasher.hash(_normal(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password fits the hash; raise `Busy` if others are hashing. It is slow: hold no transaction.

    Without a hash, because there is no such account, the same work is done, so that the response time reveals nothing.
    """
    try:
        with slots(current_app).password_hashes:
            hasher.verify(password_hash or DUMMY_HASH, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _normal(password: str) -> str:
    """Return the NFKC form (NIST SP 800-63B, section 5.1.1.2): keyboards compose accents differently."""
    return unicodedata.normalize("NFKC", password)


@cache
def _common() -> frozenset[str]:
    return frozenset(line for line in COMMON.read_text("utf-8").splitlines() if not line.startswith("#"))
