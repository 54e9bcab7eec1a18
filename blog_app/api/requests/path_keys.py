"""How a path names a thing: by its identifier, or by its slug."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api.auth import allowed


def named(model: Any, key: str, *, deleted: str | None = None) -> Any:
    """Return the query for the row of `model` that a path names by its identifier or its slug, if it may be seen.

    `deleted`: as for `allowed`.
    """
    try:
        condition = model.id == UUID(key)
    except ValueError:
        condition = model.slug == key
    return allowed(model, deleted=deleted).where(condition)
