"""A pytest plugin for tests that load many users: `-p tests.helpers.cheap_passwords` makes password hashes cheap."""

from argon2 import PasswordHasher

from blog_app.accounts import passwords

HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def pytest_configure() -> None:
    passwords.hasher = HASHER
