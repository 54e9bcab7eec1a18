"""Passwords: what makes one acceptable, and Argon2id (RFC 9106) with its authors' parameters for little memory."""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

LEAST_LENGTH = 8
COMMON = Path(__file__).with_name("common_passwords.txt")

hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_nobodys_hash = hasher.hash("the password of nobody")


def weakness(password: str) -> str | None:
    """Return what is wrong with a password that somebody wants to have, None if nothing is."""
    password = _normal(password)
    if len(password) < LEAST_LENGTH:
        return f"Must have at least {LEAST_LENGTH} characters."
    if not any(letter.isupper() for letter in password):
        return "Must have an upper-case letter."
    if not any(letter.isdecimal() for letter in password):
        return "Must have a digit."
    if password.lower() in _common():
        return "Is among the most used passwords, and would be guessed soon."
    return None


def hash_password(password: str) -> str:
    """Return the Argon2id hash of a password, with its salt and parameters. It takes long: hold no transaction."""
    return hasher.hash(_normal(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    """Return whether the password fits the hash. It takes long: hold no transaction.

    Without a hash, because there is no such account, the same work is done, so that the time tells nothing.
    """
    try:
        hasher.verify(password_hash or _nobodys_hash, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def _normal(password: str) -> str:
    """Return one form for all keyboards (NIST SP 800-63B, section 5.1.1.2): they compose accents differently."""
    return unicodedata.normalize("NFKC", password)


@cache
def _common() -> frozenset[str]:
    return frozenset(line for line in COMMON.read_text("utf-8").splitlines() if not line.startswith("#"))
