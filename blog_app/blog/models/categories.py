"""Categories: a tree."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.blog.models.base import BlogRecord
from blog_app.data import databases
from blog_app.errors import Invalid, explain_constraint, invalid
from blog_app.permissions import Scope


class Category(BlogRecord):
    """What a post is about; a post has one or none. A category may be part of another."""

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
        """Return the categories that someone with this scope may see: all of them."""
        return cls.select()

    @classmethod
    def lock_tree(cls) -> None:
        """Let nobody else move a category until this transaction ends: two moves that are harmless one by one can
        make a circle together. Readers do not wait. Take it before any row of the tree, or two movers may block
        each other.
        """
        databases.blog.execute_sql("LOCK TABLE blog.categories IN SHARE ROW EXCLUSIVE MODE")

    @classmethod
    def subtree(cls, condition: peewee.Expression) -> Any:
        """Return the query for the identifiers of the categories that fit `condition`, and of all below them."""
        roots = cls.select(cls.id).where(condition).cte("subtree", recursive=True, columns=("id",))
        child = cls.alias()
        tree = roots.union_all(child.select(child.id).join(roots, on=(child.parent == roots.c.id)))
        return tree.select_from(tree.c.id)

    def move_to(self, parent_id: UUID | None) -> None:
        """Put the category below another, None for none; raise `Invalid` if that would make a circle.

        The tree must be locked.
        """
        if parent_id is not None and parent_id != self.parent_id:
            below = {UUID(str(found)) for (found,) in type(self).subtree(Category.id == self.id).tuples()}
            if parent_id in below:
                raise invalid("parent_id", "This is the category itself, or one of those below it.")
        self.parent = parent_id

    def remove(self) -> None:
        """Delete the category. Those below it move up, and its posts stay, without one."""
        for child in Category.select().where(Category.parent == self.id).for_update():
            child.change(parent=self.parent_id)
        self.delete_instance()


explain_constraint("categories_slug", "name", "There is a category of this name already.")
explain_constraint("categories_parent_id_fkey", "parent_id", "There is no such category.", status=Invalid)
