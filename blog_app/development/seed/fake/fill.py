"""Inserts fake data, batch by batch."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import peewee
from slugify import slugify

from blog_app.accounts.models import Profile, RoleGrant, User
from blog_app.blog.models import Category, Comment, Post, PostCounters, PostTag, Tag
from blog_app.data import databases
from blog_app.data.models import Base
from blog_app.development.seed.fake import rows, vocabulary
from blog_app.development.seed.fake.rows import Batch, Row
from blog_app.development.seed.load import long_transaction

BATCH_SIZE = 2_000
STATEMENT_TIMEOUT = 60
"""Enough for a batch on a slow machine. Ctrl-C waits for the batch."""
TAG_NAMES = [name.capitalize() for name in (*vocabulary.TAGS, *vocabulary.THINGS, *vocabulary.PARTS)]
FILLED_MODELS = (User, Profile, RoleGrant, Category, Tag, Post, PostTag, PostCounters, Comment)
Progress = Callable[[str, int, int], None]
"""Called after each batch with the table, the number of rows, and how many of them are new."""


def fill(seed: int, users: int, posts: int, progress: Progress) -> None:
    """Insert the rows that are missing of the fake blog of this seed and size.

    Each batch is one transaction of one logical database: an interruption leaves whole batches.
    """
    _load("users", users, partial(rows.users, seed), progress)
    readers = [rows.user_id(seed, number) for number in range(users)]
    categories = _ids_by_name(Category, vocabulary.CATEGORIES)
    tags = dict(zip(_ids_by_name(Tag, TAG_NAMES), TAG_NAMES, strict=True))
    _load("posts", posts, partial(rows.posts, seed, readers, categories, tags), progress)
    with long_transaction("blog", STATEMENT_TIMEOUT):
        PostCounters.recount()
    for model in FILLED_MODELS:
        with long_transaction(model._meta.schema, STATEMENT_TIMEOUT) as database:
            database.execute_sql(f"ANALYZE {_table(model)}")


def _load(table: str, total: int, make: Callable[[range], Batch], progress: Progress) -> None:
    """Load `total` rows in batches; a thread makes the next batch while the database stores the one before."""
    ranges = [range(first, min(first + BATCH_SIZE, total)) for first in range(0, total, BATCH_SIZE)] + [range(0)]
    with ThreadPoolExecutor(max_workers=1) as maker:
        coming = maker.submit(make, ranges[0])
        for numbers, following in pairwise(ranges):
            batch, coming = coming.result(), maker.submit(make, following)
            progress(table, len(numbers), _insert(batch))


def _insert(batch: Batch) -> int:
    """Insert the rows whose row of the first table is missing, in one transaction; return how many these are."""
    first = next(iter(batch))
    with long_transaction(first._meta.schema, STATEMENT_TIMEOUT) as database:
        ids = [row["id"] for row in batch[first]]
        known = f"SELECT replace(id::text, '-', '') FROM {_table(first)} WHERE id = ANY(%s::uuid[])"  # noqa: S608
        existing = {id for (id,) in database.execute_sql(known, (ids,))}
        for model, made in batch.items():
            _copy(database, model, [row for row in made if existing.isdisjoint(row.values())])
    return len(ids) - len(existing)


def _copy(database: Any, model: type[Base], made: list[Row]) -> None:
    if made:
        table = io.StringIO()
        csv.writer(table).writerows(row.values() for row in made)
        table.seek(0)
        database.declare_write(model)
        columns = ", ".join(made[0])
        database.cursor().copy_expert(f"COPY {_table(model)} ({columns}) FROM STDIN (FORMAT csv)", table)


def _ids_by_name(model: Any, names: list[str]) -> list[str]:
    """Return the ids of the rows with these names, in their order; insert those that are missing."""
    slugs = [slugify(name) for name in names]
    with databases.blog.atomic():
        new = [model(name=name, slug=slug).__data__ for name, slug in zip(names, slugs, strict=True)]
        model.insert_many(new).on_conflict_ignore().execute()
        name_key = peewee.fn.lower(model.name)
        taken = model.slug.in_(slugs) | name_key.in_([name.lower() for name in names])
        rows_found = model.with_deleted().select(name_key, model.slug, model.id).where(taken).tuples()
        found = {key: id for *keys, id in rows_found for key in keys}
    # Somebody may have given the slug, or the name, to another row.
    return [str(found.get(slug) or found[name.lower()]) for name, slug in zip(names, slugs, strict=True)]


def _table(model: type[Base]) -> str:
    return f'"{model._meta.schema}"."{model._meta.table_name}"'
