"""Schemas of categories and tags. Names are unique, whatever their case, and so are slugs."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.api import Schema
from blog_app.api.resources.fields import Slug, String, Timestamp
from blog_app.api.resources.includes import belongs_to
from blog_app.blog.models import Category, Tag


class ParentSchema(Schema):
    """The parent of a category."""

    class Meta:
        model = Category

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)


class CategorySchema(Schema):
    """A category."""

    class Meta:
        model = Category
        filterable = ("name", "slug", "parent_id")
        sortable = ("name", "created_at")
        sort = ("name",)
        includes = {"parent": belongs_to(ParentSchema, Category.parent)}

    id = ma.UUID(dump_only=True)
    name = String(required=True, min_length=1, max_length=80, metadata={"example": "Kitchen"})
    slug = Slug(source="name", max_length=100, metadata={"example": "kitchen"})
    description = String(max_length=2_000, load_default="")
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata={"description": "The parent category."})
    created_at = Timestamp(dump_only=True)


class TagSchema(Schema):
    """A tag."""

    class Meta:
        model = Tag
        filterable = ("name", "slug")
        sortable = ("name", "created_at")
        sort = ("name",)

    id = ma.UUID(dump_only=True)
    name = String(required=True, min_length=1, max_length=50, metadata={"example": "Tea"})
    slug = Slug(source="name", max_length=60, metadata={"example": "tea"})
    created_at = Timestamp(dump_only=True)
