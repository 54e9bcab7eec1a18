"""What the blog looks like from outside, and what may be sent to change it."""

from __future__ import annotations

from marshmallow import fields as ma
from marshmallow import validate

from blog_app.accounts import directory
from blog_app.accounts.schemas import PersonSchema
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.http import Schema
from blog_app.http.fields import String, Timestamp
from blog_app.http.includes import many, one, one_from

MAX_TAGS = 20
MAX_CONTENT = 200_000


class CategorySchema(Schema):
    """A category."""

    class Meta:
        model = Category
        filterable = ("name", "slug")
        sortable = ("name", "created_at")
        sort = ("name",)

    id = ma.UUID(dump_only=True)
    name = String(required=True, least=1, most=80, metadata={"example": "Kitchen"})
    slug = String(dump_only=True, metadata={"example": "kitchen"})
    description = String(most=2_000, load_default="")
    created_at = Timestamp(dump_only=True)


class TagSchema(Schema):
    """A tag."""

    class Meta:
        model = Tag
        filterable = ("name", "slug")
        sortable = ("name", "created_at")
        sort = ("name",)

    id = ma.UUID(dump_only=True)
    name = String(required=True, least=1, most=50, metadata={"example": "Tea"})
    slug = String(dump_only=True, metadata={"example": "tea"})
    created_at = Timestamp(dump_only=True)


class PostSchema(Schema):
    """A post."""

    class Meta:
        model = Post
        filterable = ("title", "slug", "status", "published_at", "created_at", "author_id", "category_id")
        sortable = ("published_at", "created_at", "updated_at", "title")
        sort = ("-published_at", "-id")
        includes = {
            "author": one_from(directory.people, PersonSchema, Post.author_id),
            "category": one(CategorySchema, Post.category),
            "tags": many(TagSchema, Post.id, PostTag.post, PostTag.tag),
        }

    id = ma.UUID(dump_only=True)
    title = String(required=True, least=3, most=150, metadata={"example": "On the making of tea"})
    slug = String(dump_only=True, metadata={"example": "on-the-making-of-tea"})
    content = String(required=True, least=1, most=MAX_CONTENT, strip=False)
    status = ma.String(dump_only=True, validate=validate.OneOf(("draft", "published", "archived")))
    author_id = ma.UUID(dump_only=True)
    category_id = ma.UUID(load_default=None, allow_none=True)
    published_at = Timestamp(dump_only=True, allow_none=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
    tags = ma.List(
        String(least=1, most=60),
        load_only=True,
        load_default=list,
        validate=validate.Length(max=MAX_TAGS),
        metadata={"description": "The slugs of the post's tags; read them with include=tags.", "example": ["tea"]},
    )


class PublicationSchema(Schema):
    """When a post is out."""

    published_at = Timestamp(
        load_default=None,
        allow_none=True,
        metadata={"description": "Now, if it is not given; later, if it is to come."},
    )
