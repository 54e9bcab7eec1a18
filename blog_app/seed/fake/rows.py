"""The rows of the made-up blog, each made from the seed and its number alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any

from slugify import slugify

from blog_app.accounts.models import RoleGrant, User
from blog_app.blog.models import Post, PostTag
from blog_app.seed.fake import texts
from blog_app.seed.fake.copy import Batch, Rows

# Number 0 is the newest: a bigger blog reaches further back. The end is fixed, so that rows are the same on any day.
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
POST_EVERY = timedelta(minutes=20)
USER_EVERY = timedelta(hours=1)
PUBLISHED_AFTER = timedelta(minutes=15)
RECORD = ("id", "created_at", "updated_at", "version")
NO_PASSWORD = "!"  # noqa: S105 (no password fits it: nobody signs in as a made-up user)
USERS_AN_AUTHOR = 20
TAGS_A_POST = 3
PARAGRAPHS_A_MINUTE = 4
STATUSES = (("published", 0.93), ("draft", 0.98), ("archived", 1.0))


def random_of(seed: int, kind: str, number: int) -> Random:
    """Return the source of everything that is random about the batch of `kind` that begins with `number`."""
    return Random(f"{seed}/{kind}/{number}")  # noqa: S311 (nothing secret)


def user_id(seed: int, number: int) -> str:
    """Return the identifier of the made-up user with this number."""
    return _identifier(seed, "user", number, NEWEST - number * USER_EVERY)


def users(seed: int, numbers: range) -> Batch:
    """Return these users, and that every twentieth is an author."""
    random = random_of(seed, "users", numbers.start)
    people, grants = [], []
    for number in numbers:
        created_at = NEWEST - number * USER_EVERY
        name = texts.person(random)
        email = f"{slugify(name, separator='.')}.{seed}.{number}@example.org"
        identifier = user_id(seed, number)
        people.append((identifier, created_at, created_at, 1, email, name, NO_PASSWORD, "active"))
        if number % USERS_AN_AUTHOR == 0:
            grant = _identifier(seed, "grant", number, created_at)
            grants.append((grant, created_at, created_at, 1, identifier, "author"))
    return Batch(
        (
            Rows(User, (*RECORD, "email", "name", "password_hash", "status"), people),
            Rows(RoleGrant, (*RECORD, "user_id", "role"), grants),
        )
    )


def posts(
    seed: int, numbers: range, authors: Sequence[str], categories: Sequence[str], tags: Mapping[str, str]
) -> Batch:
    """Return these posts, by these authors, in these categories and with three of these tags (names by id) each."""
    random = random_of(seed, "posts", numbers.start)
    rows: list[tuple[Any, ...]] = []
    links = []
    for number in numbers:
        created_at = NEWEST - number * POST_EVERY
        identifier = _identifier(seed, "post", number, created_at)
        title = texts.title(random)
        paragraphs = texts.paragraphs(random, number)
        chosen: set[str] = set()
        while len(chosen) < min(TAGS_A_POST, len(tags)):
            chosen.add(_one_of(random, list(tags)))
        chance = random.random()
        status = next(name for name, share in STATUSES if chance < share)
        rows.append(
            (
                identifier,
                created_at,
                created_at,
                1,
                random.choice(authors),
                title,
                f"{slugify(title)}-{seed}-{number}",
                "\n\n".join(paragraphs),
                "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs),
                paragraphs[0],
                1 + len(paragraphs) // PARAGRAPHS_A_MINUTE,
                status,
                None if status == "draft" else created_at + PUBLISHED_AFTER,
                _one_of(random, categories),
                " ".join(tags[tag] for tag in sorted(chosen)),
            )
        )
        links += [(identifier, tag) for tag in sorted(chosen)]
    columns = (
        *("author_id", "title", "slug", "content", "content_html", "summary", "reading_time"),
        *("status", "published_at", "category_id", "tag_words"),
    )
    return Batch((Rows(Post, (*RECORD, *columns), rows), Rows(PostTag, ("post_id", "tag_id"), links)))


def _one_of(random: Random, choices: Sequence[str]) -> str:
    """Return one of the choices; the first are the commonest."""
    return random.choices(choices, cum_weights=texts.zipf(len(choices)))[0]


def _identifier(seed: int, kind: str, number: int, at: datetime) -> str:
    """Return a UUIDv7 (RFC 9562) of the given time, its random part a hash of whose it is."""
    digest = blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=10).hexdigest()
    return f"{round(at.timestamp() * 1000):012x}7{digest[:3]}8{digest[3:18]}"
