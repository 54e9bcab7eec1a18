"""Fake users; some of them are authors."""

from __future__ import annotations

from datetime import timedelta

from slugify import slugify

from blog_app.accounts.models import Profile, RoleGrant, User
from blog_app.development.seed.fake import texts
from blog_app.development.seed.fake.copy import Batch, Rows
from blog_app.development.seed.fake.rows import RECORD, identifier, random_of, record, time_of

INTERVAL = timedelta(hours=1)
NO_PASSWORD = "!"  # noqa: S105 (no password fits it: nobody signs in as a made-up user)
USERS_PER_AUTHOR = 20


def user_id(seed: int, number: int) -> str:
    """Return the identifier of the user with this number."""
    return identifier(seed, "user", number, time_of(number, INTERVAL))


def users(seed: int, numbers: range) -> Batch:
    """Return these users with their profiles, every twentieth an author."""
    random = random_of(seed, "users", numbers.start)
    people, profiles, grants = [], [], []
    for number in numbers:
        at = time_of(number, INTERVAL)
        name = texts.person(random)
        email = f"{slugify(name, separator='.')}.{seed}.{number}@example.org"
        person = record(seed, "user", number, at)
        people.append((*person, email, name, NO_PASSWORD, "active"))
        profiles.append((*record(seed, "profile", number, at), person[0], texts.sentence(random)))
        if number % USERS_PER_AUTHOR == 0:
            grants.append((*record(seed, "grant", number, at), person[0], "author"))
    return Batch(
        (
            Rows(User, (*RECORD, "email", "name", "password_hash", "status"), people),
            Rows(Profile, (*RECORD, "user_id", "bio"), profiles),
            Rows(RoleGrant, (*RECORD, "user_id", "role"), grants),
        )
    )
