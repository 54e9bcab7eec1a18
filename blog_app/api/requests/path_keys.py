"""How a path names a thing: by its identifier, or by its slug."""

from __future__ import annotations

from typing import Any

from blog_app.api.auth import allowed
from blog_app.data.uuids import parse_uuid


def named(model: Any, key: str, *, deleted: str | None = None) -> Any:
    """Return the query for the row of `model` that a path names by its identifier or its slug, if it may be seen.

    `deleted`: as for `allowed`.
    """
    identifier = parse_uuid(key)
    condition = model.slug == key if identifier is None else model.id == identifier
    return allowed(model, deleted=deleted).where(condition)
