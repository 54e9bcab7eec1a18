"""Fake users and posts with what belongs to them, from the random seed and their numbers alone.

Number 0 is the newest; higher numbers are older. The end is fixed, so that rows are the same on any day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import Any

from slugify import slugify

from blog_app.accounts.models import Profile, RoleGrant, User
from blog_app.blog.content import plain_text, reading_time_of, summary_of
from blog_app.blog.models import Comment, Post, PostCounters, PostTag
from blog_app.data.models import Base
from blog_app.development.seed.fake import texts

Row = dict[str, Any]
Batch = dict[type[Base], list[Row]]
"""Rows to insert together: those of the first table have ids, to which those of the other tables refer."""

NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
USER_INTERVAL = timedelta(hours=1)
POST_INTERVAL = timedelta(minutes=20)
PUBLICATION_DELAY = timedelta(minutes=15)
COMMENT_DELAY = timedelta(hours=7)
NO_PASSWORD = "!"  # noqa: S105 (no password fits it: nobody signs in as a fake user)
USERS_PER_AUTHOR = 20
TAGS_PER_POST = 3
COMMENTS = (0, 0, 0, 1, 1, 2, 3)
"""How many comments a published post may have."""
MAX_VIEWS = 5_000


def user_id(seed: int, number: int) -> str:
    """Return the identifier of the user with this number."""
    return _identifier(seed, "user", number, NEWEST - number * USER_INTERVAL)


def users(seed: int, numbers: range) -> Batch:
    """Return these users with their profiles, every twentieth an author."""
    random = _random_of(seed, "users", numbers.start)
    batch: Batch = {User: [], Profile: [], RoleGrant: []}
    for number in numbers:
        at = NEWEST - number * USER_INTERVAL
        user = _record(seed, "user", number, at)
        name = texts.person(random)
        email = f"{slugify(name, separator='.')}.{seed}.{number}@example.org"
        batch[User].append(user | {"email": email, "name": name, "password_hash": NO_PASSWORD, "status": "active"})
        profile = _record(seed, "profile", number, at)
        batch[Profile].append(profile | {"user_id": user["id"], "bio": texts.sentence(random)})
        if number % USERS_PER_AUTHOR == 0:
            grant = _record(seed, "grant", number, at)
            batch[RoleGrant].append(grant | {"user_id": user["id"], "role": "author"})
    return batch


def posts(
    seed: int, readers: Sequence[str], categories: Sequence[str], tags: Mapping[str, str], numbers: range
) -> Batch:
    """Return these posts, most of them published, with tags, view counts and comments.

    Readers and categories are ids, tags are names by id; the first ones are used most often.
    """
    random = _random_of(seed, "posts", numbers.start)
    authors = readers[::USERS_PER_AUTHOR]
    batch: Batch = {Post: [], PostTag: [], PostCounters: [], Comment: []}
    for number in numbers:
        at = NEWEST - number * POST_INTERVAL
        post = _record(seed, "post", number, at)
        status = random.choices(("published", "draft", "archived"), (93, 5, 2))[0]
        tag_ids: set[str] = set()
        while len(tag_ids) < TAGS_PER_POST:
            tag_ids.add(texts.zipf_choice(random, list(tags)))
        post |= {
            "status": status,
            "published_at": None if status == "draft" else at + PUBLICATION_DELAY,
            "category_id": texts.zipf_choice(random, categories),
            "author_id": random.choice(authors),
            "tag_words": " ".join(sorted(tags[tag] for tag in tag_ids)),
        }
        batch[Post].append(post | _texts(random, seed, number))
        batch[PostTag] += [{"post_id": post["id"], "tag_id": tag} for tag in sorted(tag_ids)]
        if status == "published":
            batch[PostCounters].append({"post_id": post["id"], "views": int(MAX_VIEWS * random.random() ** 4)})
            batch[Comment] += _comments(random, seed, number, post, readers)
    return batch


def _texts(random: Random, seed: int, number: int) -> Row:
    title = texts.title(random)
    paragraphs = texts.paragraphs(random, number)
    # The values that the blog derives, by shortcuts: rendering Markdown takes a hundred times as long.
    content = "\n\n".join(paragraphs)
    html = [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    words = len(content.split())
    return {
        "title": title,
        "slug": f"{slugify(title)}-{seed}-{number}",
        "content": content,
        "content_html": "\n".join(html),
        "summary": summary_of(plain_text("\n".join(html[:2]))),
        "word_count": words,
        "reading_time": reading_time_of(words),
    }


def _comments(random: Random, seed: int, post_number: int, post: Row, readers: Sequence[str]) -> Iterator[Row]:
    for number in range(random.choice(COMMENTS)):
        text = texts.comment(random)
        at = post["created_at"] + COMMENT_DELAY + number * POST_INTERVAL
        yield _record(seed, "comment", f"{post_number}/{number}", at) | {
            "subject_type": "post",
            "subject_id": post["id"],
            "status": random.choices(("approved", "pending", "spam"), (95, 3, 2))[0],
            "author_id": random.choice(readers),
            "content": text,
            "content_html": f"<p>{text}</p>",
        }


def _random_of(seed: int, kind: str, number: int) -> Random:
    """Return the random number generator for the batch of `kind` that begins with `number`."""
    return Random(f"{seed}/{kind}/{number}")  # noqa: S311 (nothing secret)


def _record(seed: int, kind: str, number: int | str, at: datetime) -> Row:
    """Return what every record has, of one that was created at this time and never changed."""
    return {"id": _identifier(seed, kind, number, at), "created_at": at, "updated_at": at, "version": 1}


def _identifier(seed: int, kind: str, number: int | str, at: datetime) -> str:
    """Return a UUIDv7 (RFC 9562) of the given time; a hash of the seed, kind and number is its random part."""
    digest = blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=10).hexdigest()
    return f"{round(at.timestamp() * 1000):012x}7{digest[:3]}8{digest[3:18]}"
