"""Images of posts."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.posts import Post
from blog_app.data.models import SoftDeletable
from blog_app.permissions import Scope


class Image(BlogRecord, SoftDeletable):
    """An image of a post, by URL."""

    post = peewee.ForeignKeyField(Post, backref="images", on_delete="CASCADE")
    url = peewee.TextField()
    caption = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    alt_text = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])

    class Meta:
        table_name = "images"
        audited = ("post", "deleted_at")
        redacted = ("url", "caption", "alt_text")
        row_key = "post"

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the images that a caller with this scope may see: those of the posts that they may see."""
        return cls.select(cls, Post.id, Post.author_id).join(Post).where(Post.is_visible(scope, user_id))

    owner_id = property(attrgetter("post.author_id"))
