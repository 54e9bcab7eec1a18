"""What happens to posts: writing, editing, publishing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from blog_app.blog.models import Post
from blog_app.models import now
from blog_app.slugs import insert_with_slug


def write(author_id: UUID, tags: list[str], **values: Any) -> Post:
    """Write a new draft and return it."""
    post: Post = insert_with_slug(Post, values["title"], author_id=author_id, **values)
    if tags:
        post.set_tags(tags)
    return post


def edit(post: Post, tags: list[str], **values: Any) -> Post:
    """Give the post these values and exactly these tags. Its slug stays: links to it must not break."""
    post.change(**values)
    post.set_tags(tags)
    return post


def publish(post: Post, published_at: datetime | None) -> Post:
    """Let the post out, now or at a time to come; one that is out already keeps its time unless another is given."""
    post.change(status="published", published_at=published_at or post.published_at or now())
    return post


def unpublish(post: Post) -> Post:
    """Make the post a draft again."""
    post.change(status="draft", published_at=None)
    return post
