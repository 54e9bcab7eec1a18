"""Categories of posts, a tree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.data import databases
from blog_app.errors import Invalid, explain_constraint, invalid
from blog_app.permissions import Scope


class Category(BlogRecord):
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

    @classmethod
    def lock_tree(cls) -> None:
        """Lock the tree against other moves until this transaction ends: two concurrent moves that are valid alone
        can create a cycle. Reads do not wait. Take this lock before locking any row of the tree, to avoid deadlocks.
        """
        databases.blog.execute_sql("LOCK TABLE blog.categories IN SHARE ROW EXCLUSIVE MODE")

    @classmethod
    def subtree(cls, condition: peewee.Expression) -> Any:
        """Return the query for the ids of the categories that match `condition`, and of all their descendants."""
        roots = cls.select(cls.id).where(condition).cte("subtree", recursive=True, columns=("id",))
        child = cls.alias()
        tree = roots.union_all(child.select(child.id).join(roots, on=(child.parent == roots.c.id)))
        return tree.select_from(tree.c.id)

    def move_to(self, parent_id: UUID | None) -> None:
        """Set the parent of the category, None for none; raise `Invalid` if that would create a cycle.

        The tree must be locked.
        """
        if parent_id is not None and parent_id != self.parent_id:
            subtree = {UUID(str(found)) for (found,) in type(self).subtree(Category.id == self.id).tuples()}
            if parent_id in subtree:
                raise invalid("parent_id", "A category cannot be moved below itself or one of its descendants.")
        self.parent = parent_id

    def remove(self) -> None:
        """Delete the category. Its children move to its parent; its posts stay, without a category."""
        for child in Category.select().where(Category.parent == self.id).for_update():
            child.change(parent=self.parent_id)
        self.delete_instance()


Category.add_index(Category.index(peewee.SQL("lower(name)"), unique=True, name="categories_name"))
explain_constraint("categories_name", "name", "A category with this name already exists.")
explain_constraint("categories_slug", "slug", "A category with this slug already exists.")
explain_constraint("categories_parent_id_fkey", "parent_id", "Category not found.", status=Invalid)
