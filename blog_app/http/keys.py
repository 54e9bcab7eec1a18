"""How a path names a thing: by its identifier, or by its slug."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.auth import allowed


def named(model: Any, key: str) -> Any:
    """Return the query for the row of `model` that a path names by its identifier or its slug, if it may be seen."""
    try:
        condition = model.id == UUID(key)
    except ValueError:
        condition = model.slug == key
    return allowed(model).where(condition)
