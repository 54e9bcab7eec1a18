"""Schemas of statistics: numbers of public posts."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.accounts.schemas import author
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, String
from blog_app.blog import statistics
from blog_app.blog.models import Category, Post, Tag


class MonthCountSchema(Schema):
    """The number of posts published in a month."""

    class Meta:
        model = Post
        columns = {"month": statistics.MONTH, "posts": statistics.POSTS}
        filterable = ("month",)
        sortable = ("posts",)
        sort = ("-month",)
        key = "month"

    month = ma.Date(dump_only=True, metadata={"description": "First day of the month (UTC).", "example": "2026-11-01"})
    posts = Integer(dump_only=True)


class AuthorCountSchema(Schema):
    """The number of public posts of an author."""

    class Meta:
        model = Post
        columns = {"id": statistics.ID, "posts": statistics.POSTS}
        filterable = ("id",)
        sortable = ("posts",)
        sort = ("-posts",)
        includes = {"author": author(statistics.ID)}

    id = ma.UUID(dump_only=True, metadata={"description": "The author's id."})
    posts = Integer(dump_only=True)


class CategoryCountSchema(Schema):
    """The number of public posts in a category."""

    class Meta:
        model = Category
        columns = {"posts": statistics.POSTS}
        sortable = ("posts", "name")
        sort = ("-posts",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    posts = Integer(dump_only=True)


class TagCountSchema(CategoryCountSchema):
    """The number of public posts with a tag."""

    class Meta(CategoryCountSchema.Meta):
        model = Tag
