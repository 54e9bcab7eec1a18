"""Endpoints of statistics: numbers of public posts by month, category, tag and author."""

from __future__ import annotations

from typing import Any

from blog_app.api import Blueprint
from blog_app.blog import statistics as counts
from blog_app.blog.models import Post, PostTag
from blog_app.blog.schemas.statistics import AuthorCountSchema, CategoryCountSchema, MonthCountSchema, TagCountSchema
from blog_app.data import databases
from blog_app.data.cache import hot

statistics = Blueprint("statistics", database=databases.blog)


@statistics.lists("/months", MonthCountSchema)
@hot(until=Post.seconds_to_next_publication)
def count_months() -> Any:
    """Count public posts by month, latest first."""
    return counts.months()


@statistics.lists("/categories", CategoryCountSchema)
@hot(Post, until=Post.seconds_to_next_publication)
def count_categories() -> Any:
    """Count public posts by category, highest count first."""
    return counts.categories()


@statistics.lists("/tags", TagCountSchema)
@hot(Post, PostTag, until=Post.seconds_to_next_publication)
def count_tags() -> Any:
    """Count public posts by tag, highest count first."""
    return counts.tags()


@statistics.lists("/authors", AuthorCountSchema)
@hot(until=Post.seconds_to_next_publication)
def count_authors() -> Any:
    """Count public posts by author, highest count first."""
    return counts.authors()
