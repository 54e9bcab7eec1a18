"""Former slugs of posts, for redirects to the current slug."""

from __future__ import annotations

import peewee

from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.models import Base, TimestampField, now


class FormerSlug(Base):
    """A slug and the post that had it last. A post that has it now takes precedence."""

    slug = peewee.CharField(max_length=180, primary_key=True)
    post = peewee.ForeignKeyField(Post, backref="+", on_delete="CASCADE")
    created_at = TimestampField(default=now)

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "former_slugs"

    @classmethod
    def record(cls, post: Post) -> None:
        """Record the slug of a post that is about to get another."""
        row = {cls.slug: post.slug, cls.post: post.id, cls.created_at: now()}
        insert = cls.insert(row).on_conflict(conflict_target=[cls.slug], preserve=[cls.post, cls.created_at])
        databases.blog.pipeline(insert)
