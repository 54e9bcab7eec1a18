"""The blog's directory: what other domains may look up, always in batches."""

from __future__ import annotations

from typing import Any

from blog_app.blog.models import Post
from blog_app.data import cache
from blog_app.data.models import batch_lookup

_titles = batch_lookup(Post.id, Post.select(Post.id, Post.title, Post.slug))


@cache.reads(Post)
def titles(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return `id`, `title` and `slug` of these posts, by id, without deleted posts. One statement."""
    return {row[0]: dict(zip(("id", "title", "slug"), row, strict=True)) for row in _titles(ids)}
