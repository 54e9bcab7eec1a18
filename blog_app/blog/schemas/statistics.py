"""How many posts are out."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.accounts import directory
from blog_app.accounts.schemas import PersonSchema
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, String
from blog_app.api.resources.includes import one_from
from blog_app.blog import statistics
from blog_app.blog.models import Category, Post, Tag


class MonthCountSchema(Schema):
    """How many posts were published in a month."""

    class Meta:
        model = Post
        columns = {"month": statistics.MONTH, "posts": statistics.POSTS}
        filterable = ("month",)
        sortable = ("posts",)
        sort = ("-month",)
        key = "month"

    month = ma.Date(dump_only=True, metadata={"description": "Its first day (UTC).", "example": "2026-11-01"})
    posts = Integer(dump_only=True)


class AuthorCountSchema(Schema):
    """How many posts of an author are out."""

    class Meta:
        model = Post
        columns = {"id": statistics.ID, "posts": statistics.POSTS}
        filterable = ("id",)
        sortable = ("posts",)
        sort = ("-posts",)
        includes = {"author": one_from(directory.people, PersonSchema, statistics.ID)}

    id = ma.UUID(dump_only=True, metadata={"description": "The author's."})
    posts = Integer(dump_only=True)


class CategoryCountSchema(Schema):
    """How many posts in a category are out."""

    class Meta:
        model = Category
        columns = {"posts": statistics.POSTS}
        sortable = ("posts", "name")
        sort = ("-posts",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    posts = Integer(dump_only=True)


class TagCountSchema(Schema):
    """How many posts with a tag are out."""

    class Meta:
        model = Tag
        columns = {"posts": statistics.POSTS}
        sortable = ("posts", "name")
        sort = ("-posts",)

    id = ma.UUID(dump_only=True)
    name = String(dump_only=True)
    slug = String(dump_only=True)
    posts = Integer(dump_only=True)
