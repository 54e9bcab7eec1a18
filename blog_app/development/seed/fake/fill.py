"""Inserts fake data, batch by batch."""

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
from blog_app.development.seed.fake.posts import PostReferences, posts as made_posts
from blog_app.development.seed.fake.users import USERS_PER_AUTHOR, user_id, users as made_users

BATCH_SIZE = 2_000
TAG_NAMES = [name.capitalize() for name in (*vocabulary.TAGS, *vocabulary.THINGS, *vocabulary.PARTS)]
FILLED_MODELS = (User, Profile, RoleGrant, Category, Tag, Post, PostTag, PostCounters, Comment)
Progress = Callable[[str, int, bool], None]
"""Called after each batch with the table, the number of rows, and whether they are new."""


def fill(seed: int, users: int, posts: int, progress: Progress) -> None:
    """Insert the rows that are missing of the made-up blog of this seed and size.

    Each batch is one transaction of one logical database: an interruption leaves whole batches.
    """
    _load("users", users, partial(made_users, seed), progress)
    readers = [user_id(seed, number) for number in range(users)]
    references = PostReferences(
        readers=readers,
        authors=readers[::USERS_PER_AUTHOR],
        categories=_ids_by_name(Category, vocabulary.CATEGORIES),
        tags=dict(zip(_ids_by_name(Tag, TAG_NAMES), TAG_NAMES, strict=True)),
    )
    _load("posts", posts, partial(made_posts, seed, references), progress)
    analyze(FILLED_MODELS)


def _load(table: str, total: int, make: Callable[[range], Batch], progress: Progress) -> None:
    """Load `total` rows in batches; a thread makes the next batch while the database stores the one before."""
    ranges = [range(first, min(first + BATCH_SIZE, total)) for first in range(0, total, BATCH_SIZE)]
    with ThreadPoolExecutor(max_workers=1) as maker:
        batches = (maker.submit(make, numbers) for numbers in ranges)
        coming = next(batches, None)
        for numbers in ranges:
            assert coming
            batch, coming = coming.result(), next(batches, None)
            progress(table, len(numbers), batch.load())


def _ids_by_name(model: Any, names: list[str]) -> list[str]:
    """Return the ids of the rows with these names, in their order; insert those that are missing."""
    slugs = [slugify(name) for name in names]
    with databases.blog.atomic():
        new = [model(name=name, slug=slug).__data__ for name, slug in zip(names, slugs, strict=True)]
        model.insert_many(new).on_conflict_ignore().execute()
        found = dict(model.select(model.slug, model.id).where(model.slug.in_(slugs)).tuples())
    return [str(found[slug]) for slug in slugs]
