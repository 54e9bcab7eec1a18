"""Queries for the records that path keys (ids or slugs) name, among those that the caller may see."""

from __future__ import annotations

from typing import Any

from blog_app.api.auth import allowed, by_id_or_slug
from blog_app.blog.models import Category, FormerSlug, Post, Tag
from blog_app.data import audit_subject
from blog_app.errors import NotFound


def category_at(key: str) -> Any:
    return by_id_or_slug(Category, key)


def tag_at(key: str) -> Any:
    return by_id_or_slug(Tag, key)


def post_at(key: str) -> Any:
    return by_id_or_slug(Post, key)


def post_or_404(key: str) -> Post:
    """Return the post and make it the audit subject; raise `NotFound`."""
    post: Post | None = post_at(key).first()
    if post is None:
        raise NotFound("Post not found, or you do not have access to it.")
    audit_subject.capture(post)
    return post


def current_slug(key: str) -> str | None:
    """Return the current slug of the post that had the slug `key`; None if the caller may see no such post."""
    post = allowed(Post).join(FormerSlug, on=(FormerSlug.post == Post.id)).where(FormerSlug.slug == key).first()
    return post.slug if post else None
