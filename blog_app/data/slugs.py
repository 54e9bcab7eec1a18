"""Slugs: the readable name of a thing in its URL, unique without a race."""

from __future__ import annotations

import secrets
from typing import Any

from slugify import slugify

from blog_app.data.models import Record
from blog_app.data.uuids import parse_uuid

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 6
PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"


def slug_of(text: str, most: int) -> str:
    """Return the slug of a text, at most `most` characters; one that would be empty or a UUID is random."""
    slug = slugify(text, max_length=most, word_boundary=True)
    return slug if slug and parse_uuid(slug) is None else _random()


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
