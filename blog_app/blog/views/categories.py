"""Endpoints of categories."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.blog.models import Category
from blog_app.blog.schemas.taxonomy import CategorySchema
from blog_app.blog.views.paths import category_at
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.slugs import insert_named

categories = Blueprint("categories", database=databases.blog)


def category_to_move(key: str) -> Any:
    """Return the query for a category, after locking the tree."""
    Category.lock_tree()
    return category_at(key)


@categories.lists("", CategorySchema)
@hot()
def list_categories() -> Any:
    """List categories, ordered by name."""
    return allowed(Category)


@categories.shows("/<key>", CategorySchema)
@hot(row="key")
def show_category(key: str) -> Any:
    """Retrieve a category by id or slug."""
    return category_at(key)


@categories.creates("", CategorySchema)
def create_category(name: str, slug: str | None, parent_id: UUID | None, **values: Any) -> Category:
    """Create a category."""
    category: Category = insert_named(Category, name, slug, parent=parent_id, **values)
    return category


@categories.changes("/<key>", CategorySchema, load=category_to_move)
def change_category(category: Category, slug: str | None, parent_id: UUID | None, **values: Any) -> Category:
    """Update a category, or move it with its descendants."""
    category.move_to(parent_id)
    return category.change(slug=slug or category.slug, **values)


@categories.deletes("/<key>", load=category_to_move)
def delete_category(category: Category) -> None:
    """Delete a category. Its children move to its parent. Its posts are kept, without a category."""
    category.remove()
