"""`flask shell`: the names that are there without an import, all models and the logical databases."""

from __future__ import annotations

from typing import Any

from blog_app.config import DATABASE_NAMES
from blog_app.data import databases, models


def context() -> dict[str, Any]:
    """Return the names by which the shell knows models and databases: `Post.select()`, `databases.blog.atomic()`."""
    by_name = {model.__name__: model for name in DATABASE_NAMES for model in models.models_of(name)}
    return {"databases": databases, **by_name}
