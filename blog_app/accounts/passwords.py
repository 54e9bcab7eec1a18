"""Passwords: Argon2id (RFC 9106) with the parameters that its authors recommend for servers of small memory."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_nobodys_hash = hasher.hash("the password of nobody")


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters."""
    return hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password fits the hash.

    Without a hash, because there is no such account, the same work is done, so that the time tells nothing.
    """
    try:
        hasher.verify(password_hash or _nobodys_hash, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None
