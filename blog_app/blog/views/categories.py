"""Categories."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.blog.models import Category
from blog_app.blog.schemas import CategorySchema
from blog_app.blog.views.paths import category_at
from blog_app.data import databases
from blog_app.data.cache import hot
from blog_app.data.slugs import slug_of

categories = Blueprint("categories", database=databases.blog)


def category_to_move(key: str) -> Any:
    """Return the query for the category, with the tree locked before any of its rows."""
    Category.lock_tree()
    return category_at(key)


@categories.lists("", CategorySchema)
@hot()
def list_categories() -> Any:
    """List the categories, by name."""
    return allowed(Category)


@categories.shows("/<key>", CategorySchema)
@hot(row="key")
def show_category(key: str) -> Any:
    """Show a category, by its identifier or slug."""
    return category_at(key)


@categories.creates("", CategorySchema)
def create_category(name: str, description: str, parent_id: UUID | None) -> Category:
    """Create a category."""
    return Category.create(name=name, slug=slug_of(name, 100), description=description, parent=parent_id)


@categories.changes("/<key>", CategorySchema, load=category_to_move)
def change_category(category: Category, parent_id: UUID | None, **values: Any) -> Category:
    """Change a category, or move it with all below it; its slug stays."""
    category.move_to(parent_id)
    category.change(**values)
    return category


@categories.deletes("/<key>", load=category_to_move)
def delete_category(category: Category) -> None:
    """Delete a category. Those below it move up, and its posts stay, without one."""
    category.remove()
