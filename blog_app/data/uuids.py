"""UUID parsing. A path names a row by its UUID or its slug, so no slug may be a UUID."""

from __future__ import annotations

from uuid import UUID


def parse_uuid(text: str) -> UUID | None:
    """Return the UUID that `text` spells; None if it spells none."""
    try:
        return UUID(text)
    except ValueError:
        return None
