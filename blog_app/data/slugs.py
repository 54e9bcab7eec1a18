"""Slugs: readable names in URLs, unique without a race."""

from __future__ import annotations

import secrets
from typing import Any

from slugify import slugify

from blog_app.data.models import Record
from blog_app.data.uuids import parse_uuid

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 6
PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"


def make_slug(text: str, max_length: int) -> str:
    """Return the slug of a text, at most `max_length` characters; a random one instead of an empty one or a UUID."""
    slug = slugify(text, max_length=max_length, word_boundary=True)
    return slug if slug and parse_uuid(slug) is None else _random()


def insert_with_slug(model: type[Record], text: str, **values: Any) -> Any:
    """Insert a row whose slug comes from `text` and return its record.

    The unique index decides: if the slug is taken, a random suffix is added. Writers of the same title never fail, and
    wait at most for the first of them.
    """
    slug = make_slug(text, model.slug.max_length - SUFFIX_LENGTH - 1)
    record = model(slug=slug, **values)
    record.derive()
    while not record.insert_unless_taken("slug"):
        record.slug = f"{slug}-{_random()}"
    return record


def _random() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX_LENGTH))
