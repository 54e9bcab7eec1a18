"""Fills the databases with a made-up blog, batch by batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from slugify import slugify

from blog_app.accounts.models import Profile, RoleGrant, User
from blog_app.blog.models import Category, Comment, Post, PostCounters, PostTag, Tag
from blog_app.data import databases
from blog_app.development.seed.fake import vocabulary
from blog_app.development.seed.fake.copy import Batch, analyze
from blog_app.development.seed.fake.posts import Surroundings
from blog_app.development.seed.fake.posts import posts as made_posts
from blog_app.development.seed.fake.users import USERS_AN_AUTHOR, user_id
from blog_app.development.seed.fake.users import users as made_users

BATCH = 2_000
TAG_NAMES = [name.capitalize() for name in (*vocabulary.TAGS, *vocabulary.THINGS, *vocabulary.PARTS)]
FILLED = (User, Profile, RoleGrant, Category, Tag, Post, PostTag, PostCounters, Comment)
Progress = Callable[[str, int, bool], None]
"""Is told the table, how many rows a batch of it has, and whether they were new."""


def fill(seed: int, users: int, posts: int, progress: Progress) -> None:
    """Add what is missing of the made-up blog of this seed and size.

    Each batch is one transaction of one logical database: whenever this ends, what is there is whole.
    """
    _load("users", users, partial(made_users, seed), progress)
    readers = [user_id(seed, number) for number in range(users)]
    around = Surroundings(
        readers=readers,
        authors=readers[::USERS_AN_AUTHOR],
        categories=_named(Category, vocabulary.CATEGORIES),
        tags=dict(zip(_named(Tag, TAG_NAMES), TAG_NAMES, strict=True)),
    )
    _load("posts", posts, partial(made_posts, seed, around), progress)
    analyze(FILLED)


def _load(table: str, total: int, make: Callable[[range], Batch], progress: Progress) -> None:
    """Load `total` rows by the batch; the next batch is made while the database stores the one before."""
    ranges = [range(first, min(first + BATCH, total)) for first in range(0, total, BATCH)]
    with ThreadPoolExecutor(max_workers=1) as maker:
        batches = (maker.submit(make, numbers) for numbers in ranges)
        coming = next(batches, None)
        for numbers in ranges:
            assert coming
            batch, coming = coming.result(), next(batches, None)
            progress(table, len(numbers), batch.load())


def _named(model: Any, names: list[str]) -> list[str]:
    """Return the identifiers of the rows with these names, in their order; add those that are missing."""
    slugs = [slugify(name) for name in names]
    with databases.blog.atomic():
        new = [model(name=name, slug=slug).__data__ for name, slug in zip(names, slugs, strict=True)]
        model.insert_many(new).on_conflict_ignore().execute()
        found = dict(model.select(model.slug, model.id).where(model.slug.in_(slugs)).tuples())
    return [str(found[slug]) for slug in slugs]
