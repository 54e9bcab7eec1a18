"""Categories of posts, a tree.

Nothing below a deleted category is shown: its descendants are deleted with it, and restored with it. What was deleted
together has one `deleted_at`. Posts keep their category, and show it again when it is restored.
"""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

import peewee

from blog_app.api.resources.trees import Tree
from blog_app.blog.models.base import BlogRecord
from blog_app.data.models import SoftDeletable, now
from blog_app.errors import Conflict, Invalid, explain_constraint
from blog_app.permissions import Scope


class Category(Tree, BlogRecord, SoftDeletable):
    """A category; a post has one or none. A category may have a parent."""

    name = peewee.CharField(max_length=80)
    slug = peewee.CharField(max_length=100, unique=True)
    description = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    parent = peewee.ForeignKeyField("self", backref="children", null=True)

    class Meta:
        table_name = "categories"
        audited = ("name", "slug", "parent", "deleted_at")
        redacted = ("description",)

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the categories that a caller with this scope may see: all."""
        return cls.select()

    def soft_delete(self) -> None:
        """Hide the category and its descendants; the tree must be locked."""
        subtree, instant = Category.subtree(Category.id == self.id), now()
        below = Category.select().where(Category.id.in_(subtree), Category.id != self.id)
        for each in (self, *below.for_update()):
            each.change(deleted_at=instant)

    def restore(self) -> Self:
        """Show the category again, with what was deleted together with it, and return it; the tree must be locked.

        Raise `Conflict` if its parent is deleted.
        """
        if self.deleted_at is None:
            return self
        if self.parent_id is not None and not Category.select().where(Category.id == self.parent_id).exists():
            raise Conflict("The parent of this category is deleted. Restore the parent first.")
        together = (Category.deleted_at == self.deleted_at) & (Category.id != self.id)
        for each in (self, *Category.only_deleted().where(together).for_update()):
            each.change(deleted_at=None)
        return self


Category.add_index(Category.index(peewee.SQL("lower(name)"), unique=True, name="categories_name"))
explain_constraint("categories_name", "name", "A category with this name already exists.")
explain_constraint("categories_slug", "slug", "A category with this slug already exists.")
explain_constraint("categories_parent_id_fkey", "parent_id", "Category not found.", status=Invalid)
