"""Endpoints of tags."""

from __future__ import annotations

from typing import Any

from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.blog.models import Tag
from blog_app.blog.schemas.taxonomy import TagSchema
from blog_app.blog.views.paths import tag_at
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.slugs import insert_named

tags = Blueprint("tags", database=databases.blog)


@tags.lists("", TagSchema)
@hot()
def list_tags() -> Any:
    """List tags, ordered by name."""
    return allowed(Tag)


@tags.shows("/<key>", TagSchema)
@hot(row="key")
def show_tag(key: str) -> Any:
    """Retrieve a tag by id or slug."""
    return tag_at(key)


@tags.creates("", TagSchema)
def create_tag(name: str, slug: str | None) -> Tag:
    """Create a tag."""
    tag: Tag = insert_named(Tag, name, slug)
    return tag


@tags.changes("/<key>", TagSchema, load=tag_at)
def change_tag(tag: Tag, name: str, slug: str | None) -> Tag:
    """Rename a tag. The slug stays unless another is sent."""
    tag.rename(name, slug or tag.slug)
    return tag


@tags.deletes("/<key>", load=tag_at)
def delete_tag(tag: Tag) -> None:
    """Delete a tag and remove it from all posts."""
    tag.remove()
