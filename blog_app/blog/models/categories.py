"""Categories of posts, a tree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.api.resources.trees import Tree
from blog_app.blog.models.base import BlogRecord
from blog_app.errors import Invalid, explain_constraint
from blog_app.permissions import Scope


class Category(Tree, BlogRecord):
    """A category; a post has one or none. A category may have a parent."""

    name = peewee.CharField(max_length=80)
    slug = peewee.CharField(max_length=100, unique=True)
    description = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    parent = peewee.ForeignKeyField("self", backref="children", null=True)

    class Meta:
        table_name = "categories"
        audited = ("name", "slug", "parent")
        redacted = ("description",)

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the categories that a caller with this scope may see: all."""
        return cls.select()


Category.add_index(Category.index(peewee.SQL("lower(name)"), unique=True, name="categories_name"))
explain_constraint("categories_name", "name", "A category with this name already exists.")
explain_constraint("categories_slug", "slug", "A category with this slug already exists.")
explain_constraint("categories_parent_id_fkey", "parent_id", "Category not found.", status=Invalid)
