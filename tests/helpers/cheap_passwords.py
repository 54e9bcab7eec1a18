"""Cheap password hashes for the tests' own process: a real one takes 64 MB and a tenth of a second of both cores."""

from argon2 import PasswordHasher

from blog_app.accounts import passwords

REAL = passwords.hasher, passwords.DUMMY_HASH
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def install() -> None:
    """Use cheap hashes from now on."""
    passwords.hasher, passwords.DUMMY_HASH = CHEAP, CHEAP.hash("")
