"""Password policy, and password hashing with Argon2id (RFC 9106, low-memory parameters).

A hash takes 64 MB and all cores for a while, so a process computes few at once: every hash needs a slot of
`blog_app.data.slots`, also that of a sign-in to an account that does not exist.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY
from flask import current_app

from blog_app.data.slots import slots
from blog_app.errors import invalid

MIN_LENGTH = 8
MIN_DIFFERENT = 5
MIN_PERSONAL_LENGTH = 3
"""The length from which a word of a name or an address is looked for in a password."""
COMMON = Path(__file__).with_name("common_passwords.txt")

hasher = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
DUMMY_HASH = "$argon2id$v=19$m=65536,t=3,p=4$btABsOe6chUa/BVDaPNqvQ$7YHGv+97Se7x5CbTAW9GQGFt1BxKZEA3retQi325ImE"
"""The hash of no account's password, with the parameters of `hasher`; to compute it would slow down every start."""


def weakness(password: str, *personal: str) -> str | None:
    """Return why a new password is not acceptable (NIST SP 800-63B, section 5.1.1.2), None if it is.

    `personal` are the name and the email address of its owner, which must not be most of it.
    """
    password = " ".join(_normal(password).split())
    if len(password) < MIN_LENGTH:
        return f"Must have at least {MIN_LENGTH} characters, not counting spaces around it and repeated ones."
    if not any(letter.isupper() for letter in password):
        return "Must have an uppercase letter."
    if not any(letter.isdecimal() for letter in password):
        return "Must have a digit."
    if password.lower() in _common():
        return "Must not be a common password."
    if len(set(password.casefold())) < MIN_DIFFERENT:
        return f"Must have at least {MIN_DIFFERENT} different characters."
    if _length_without_runs(password.casefold()) < MIN_LENGTH:
        return (
            f'Must have at least {MIN_LENGTH} characters besides repeated ("aaa") and sequential ("abc", "321") ones.'
        )
    if _is_personal(password, personal):
        return "Must not be your name or email address, or almost."
    return None


def require_strong(password: str, *personal: str) -> None:
    """Raise `Invalid` for the field `password` if a new password is weak; `personal` as in `weakness`."""
    if problem := weakness(password, *personal):
        raise invalid("password", problem)


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


def _length_without_runs(text: str) -> int:
    """Return how many characters do not continue a run such as "aaa", "abc" or "321"."""
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    return len(text) - sum(1 for before, after in pairwise(steps) if before == after and abs(after) <= 1)


def _is_personal(password: str, personal: Iterable[str]) -> bool:
    """Return whether little is left of a password without these texts, the words in them, and punctuation."""
    parts = set(personal) | {text.partition("@")[0] for text in personal}
    words = {word for part in parts for word in re.split(r"[\W_]+", part)}
    rest = folded = _letters_and_digits(password)
    for part in sorted(map(_letters_and_digits, parts | words), key=len, reverse=True):
        if len(part) >= MIN_PERSONAL_LENGTH:
            rest = rest.replace(part, "")
    return rest != folded and len(rest) < MIN_DIFFERENT


def _letters_and_digits(text: str) -> str:
    return "".join(letter for letter in _normal(text).casefold() if letter.isalnum())


@cache
def _common() -> frozenset[str]:
    return frozenset(line for line in COMMON.read_text("utf-8").splitlines() if not line.startswith("#"))
