"""Slugs: the readable name of a thing in its URL, unique without a race."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import UUID

from slugify import slugify

from blog_app.data.models import Record

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 6
PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"


def slug_of(text: str, most: int) -> str:
    """Return the slug of a text, at most `most` characters; one that would be empty or an identifier is random."""
    slug = slugify(text, max_length=most, word_boundary=True)
    return slug if slug and not is_identifier(slug) else _random()


def is_identifier(text: str) -> bool:
    """Return whether a path would take `text` for an identifier, so that it cannot be a slug."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def insert_with_slug(model: type[Record], text: str, **values: Any) -> Any:
    """Insert a row whose slug comes from `text` and return its record.

    The unique index decides: whoever comes second to a slug gets it with a random ending, so no number of writers of
    the same title can make one of them fail or wait for more than the first.
    """
    slug = slug_of(text, model.slug.max_length - SUFFIX_LENGTH - 1)
    record = model(slug=slug, **values)
    record.derive()
    while not record.save_unless_taken("slug"):
        record.slug = f"{slug}-{_random()}"
    return record


def _random() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX_LENGTH))
