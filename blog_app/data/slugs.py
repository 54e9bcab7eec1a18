"""Slugs: readable names in URLs, unique without a race."""

from __future__ import annotations

import re
import secrets
from typing import Any

from marshmallow import ValidationError
from slugify import slugify

from blog_app.data.models import Record
from blog_app.data.uuids import parse_uuid

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
SUFFIX_LENGTH = 6
PATTERN = r"[a-z0-9]+(?:-[a-z0-9]+)*"
SPOKEN = ((re.compile(r"(?<=[\w+])\+"), " plus "), (re.compile(r"(?<=[^\W\d_])#"), " sharp "))
"""Signs that tell names apart: C++ and C# are not C."""


def make_slug(text: str, max_length: int) -> str:
    """Return the slug of a text, at most `max_length` characters; empty if it has no letter or digit, or is a UUID."""
    for sign, word in SPOKEN:
        text = sign.sub(word, text)
    slug = slugify(text, max_length=max_length, word_boundary=True)
    return "" if parse_uuid(slug) else slug


def insert_with_slug(model: type[Record], text: str, slug: str | None = None, **values: Any) -> Any:
    """Insert a row with this slug, or one that comes from `text`, and return its record.

    The unique index decides: if the slug of the text is taken, a random suffix is added. Writers of the same title
    never fail, and wait at most for the first of them. A text without letters and digits gets a random slug.
    """
    if slug is not None:
        record = model(slug=slug, **values)
        record.derive()
        record.save(force_insert=True)
        return record
    slug = make_slug(text, model.slug.max_length - SUFFIX_LENGTH - 1) or _random()
    record = model(slug=slug, **values)
    record.derive()
    while not record.insert_unless_taken("slug"):
        record.slug = slug + random_suffix()
    return record


def insert_named(model: type[Record], name: str, slug: str | None, **values: Any) -> Any:
    """Insert a row with a name, as `insert_with_slug` does; raise `ValidationError` if no slug can be made of it."""
    if slug is None and not make_slug(name, model.slug.max_length):
        raise ValidationError({"name": ["Must have a letter or a digit, unless you send a slug."]})
    return insert_with_slug(model, name, slug, name=name, **values)


def random_suffix() -> str:
    """Return what makes a slug that is taken another one."""
    return f"-{_random()}"


def _random() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(SUFFIX_LENGTH))
