"""Statistics: the number of public posts by month, category, tag and author. One statement each.

Each query joins or selects from `counted`, which has one row for each of them with its number of `posts`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import peewee

from blog_app.background import jobs
from blog_app.background.outbox.publishing import publish_event
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.data import databases

POSTS = peewee.SQL('"counted"."posts"')
ID = peewee.SQL('"counted"."id"')
MONTH = peewee.SQL('"counted"."month"')

_number = peewee.fn.count(Post.id).alias("posts")


def months() -> Any:
    """Return the months (UTC, by their first day) in which posts were published."""
    month = peewee.fn.date_trunc("month", Post.published_at)
    return _from(_public_posts(month.cast("date").alias("month"), _number).group_by(peewee.SQL("1")))


def authors() -> Any:
    """Return the authors of public posts."""
    return _from(_public_posts(Post.author_id.alias("id"), _number).group_by(Post.author_id))


@jobs.every(timedelta(minutes=5), databases.blog)
def publish_author_counts() -> None:
    """Publish the number of public posts of every author, for their public pages in the accounts database."""
    posts = dict(_public_posts(Post.author_id.cast("text"), _number).group_by(Post.author_id).tuples())
    publish_event(databases.blog, "authors.counted", posts=posts)


def categories() -> Any:
    """Return the categories of public posts; subcategories do not count."""
    counted = _public_posts(Post.category.alias("id"), _number).group_by(Post.category)
    return Category.select().join(counted.alias("counted"), on=(Category.id == ID))


def tags() -> Any:
    """Return the tags of public posts."""
    counted = _public_posts(PostTag.tag.alias("id"), _number).join(PostTag).group_by(PostTag.tag)
    return Tag.select().join(counted.alias("counted"), on=(Tag.id == ID))


def _public_posts(*columns: Any) -> Any:
    return Post.select(*columns).where(Post.is_public())


def _from(counted: Any) -> Any:
    return Post.with_deleted().from_(counted.alias("counted"))
