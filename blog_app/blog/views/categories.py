"""Endpoints of categories."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, by_id_or_slug
from blog_app.api.resources.schema import DeletedParameter
from blog_app.blog.models import Category
from blog_app.blog.schemas.taxonomy import CategorySchema
from blog_app.blog.views.paths import category_at
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.slugs import insert_named
from blog_app.errors import require_deleted

categories = Blueprint("categories", database=databases.blog)


def category_to_move(key: str) -> Any:
    """Return the query for a category, after locking the tree."""
    Category.lock_tree()
    return category_at(key)


def any_category_to_move(key: str) -> Any:
    """Return the query for a category, deleted or not, after locking the tree."""
    Category.lock_tree()
    return by_id_or_slug(Category, key, deleted="with")


@categories.lists("", CategorySchema, parameters=DeletedParameter)
@hot()
def list_categories(deleted: str | None) -> Any:
    """List categories, ordered by name."""
    return allowed(Category, deleted=deleted)


@categories.shows("/<key>", CategorySchema)
@hot(row="key")
def show_category(key: str) -> Any:
    """Retrieve a category by id or slug."""
    return category_at(key)


@categories.creates("", CategorySchema)
def create_category(name: str, slug: str | None, parent_id: UUID | None, **values: Any) -> Category:
    """Create a category."""
    if parent_id is not None:
        Category.lock_tree()
        Category.require_parent(parent_id)
    category: Category = insert_named(Category, name, slug, parent=parent_id, **values)
    return category


@categories.changes("/<key>", CategorySchema, load=category_to_move)
def change_category(category: Category, slug: str | None, parent_id: UUID | None, **values: Any) -> Category:
    """Update a category, or move it with its descendants."""
    category.move_to(parent_id)
    return category.change(slug=slug or category.slug, **values)


@categories.deletes("/<key>", load=category_to_move)
def delete_category(category: Category) -> None:
    """Delete a category with its subcategories. They can be restored.

    Posts stay published and keep their `category_id`; until then they are shown without the category.
    """
    category.soft_delete()


@categories.acts("PUT", "/<key>/restoration", response=CategorySchema, load=any_category_to_move)
def restore_category(category: Category) -> Category:
    """Restore a deleted category, with what was deleted together with it; 409 if its parent is deleted."""
    return category.restore()


@categories.deletes("/<key>/remains", load=any_category_to_move)
def purge_category(category: Category) -> None:
    """Permanently delete a deleted category; 409 if it is not deleted.

    Its subcategories move to its parent and stay deleted. Its posts are kept, without a category.
    """
    require_deleted(category)
    category.remove()
