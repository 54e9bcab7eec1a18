"""Revisions: the former titles and contents of posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.posts import Post
from blog_app.data.models import TimestampField
from blog_app.permissions import Scope


class Revision(BlogRecord):
    """The title and content of a post until `created_at`, when the user `replaced_by` changed them."""

    post = peewee.ForeignKeyField(Post, backref="revisions", on_delete="CASCADE", index=False)
    number = peewee.IntegerField()
    title = peewee.CharField(max_length=150)
    content = peewee.TextField()
    content_format = peewee.CharField(max_length=20)
    author_id = peewee.UUIDField()
    written_at = TimestampField()
    replaced_by = peewee.UUIDField()

    class Meta:
        table_name = "revisions"
        indexes = ((("post", "number"), True),)

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the revisions that a caller with this scope may see: of their own posts, or all."""
        query = cls.select().join(Post).where(Post.deleted_at.is_null())
        return query if scope is Scope.ALL else query.where(Post.author_id == user_id)
