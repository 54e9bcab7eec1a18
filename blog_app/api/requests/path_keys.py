"""Keys in paths: a resource is addressed by its identifier or its slug."""

from __future__ import annotations

from typing import Any

from blog_app.api.auth import allowed
from blog_app.data.uuids import parse_uuid


def by_id_or_slug(model: Any, key: str, *, deleted: str | None = None) -> Any:
    """Return the query for the row of `model` with this identifier or slug, if the caller may see it.

    `deleted`: as for `allowed`.
    """
    identifier = parse_uuid(key)
    condition = model.slug == key if identifier is None else model.id == identifier
    return allowed(model, deleted=deleted).where(condition)
