"""Models whose rows form a tree: each has a `parent`, or none."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.data.models import not_deleted
from blog_app.errors import invalid


class Tree:
    """What a model of such rows can do; it has a foreign key `parent` to itself."""

    @classmethod
    def lock_tree(cls: Any) -> None:
        """Lock the tree against other moves until this transaction ends: two concurrent moves that are valid alone
        can create a cycle. Reads do not wait. Take this lock before locking any row of the tree, to avoid deadlocks.
        """
        meta = cls._meta
        meta.database.execute_sql(f"LOCK TABLE {meta.schema}.{meta.table_name} IN SHARE ROW EXCLUSIVE MODE")

    @classmethod
    def subtree(cls: Any, condition: peewee.Expression) -> Any:
        """Return the query for the ids of the rows that match `condition` and of their descendants; none is deleted."""
        roots = cls.select(cls.id).where(condition).cte("subtree", recursive=True, columns=("id",))
        child = cls.alias()
        below = child.select(child.id).join(roots, on=(child.parent == roots.c.id)).where(not_deleted(child))
        tree = roots.union_all(below)
        return cls.with_deleted().select(tree.c.id).from_(tree).with_cte(tree)

    @classmethod
    def require_parent(cls: Any, parent_id: UUID | None) -> None:
        """Raise `Invalid` if a row cannot get this parent because it is missing or deleted; the tree must be locked."""
        if parent_id is not None and not cls.select().where(cls.id == parent_id).exists():
            raise invalid("parent_id", "Category not found.")

    def move_to(self: Any, parent_id: UUID | None) -> None:
        """Set the parent of the row, None for none; raise `Invalid` if that would create a cycle.

        The tree must be locked.
        """
        model = type(self)
        if parent_id is not None and parent_id != self.parent_id:
            model.require_parent(parent_id)
            subtree = {UUID(str(found)) for (found,) in model.subtree(model.id == self.id).tuples()}
            if parent_id in subtree:
                raise invalid("parent_id", "A category cannot be moved below itself or one of its descendants.")
        self.parent = parent_id

    def remove(self: Any) -> None:
        """Delete the row permanently. Its children move to its parent."""
        model = type(self)
        for child in model.with_deleted().where(model.parent == self.id).for_update():
            child.change(parent=self.parent_id)
        self.delete_instance()
