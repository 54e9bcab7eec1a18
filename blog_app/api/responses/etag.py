"""Entity tags and preconditions (RFC 9110, section 8.8.3): `"<version>-<hash>"` for an item, `"<hash>"` for a list.

The hash changes with anything in the representation, so `If-None-Match` gives 304 only when the bytes are the same. The
version changes when the row does, and `If-Match` compares only that: a change of an included object must not reject an
edit. Weak tags are compared too, because proxies weaken the tags of responses that they compress.
"""

from __future__ import annotations

import re
from hashlib import blake2b

from flask import Response, request

from blog_app.errors import PreconditionFailed

VERSION = re.compile(r'(?:W/)?"(\d{1,10})-[0-9a-f]+"')


def digest(body: bytes) -> str:
    """Return the hash of a body."""
    return blake2b(body, digest_size=8).hexdigest()


def require_match(version: int, content: str | None = None) -> None:
    """Raise `PreconditionFailed` if the request has an `If-Match` for another version.

    `content` is an entity tag that matches too: that of a file's content.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*" or (content and f'"{content}"' in header):
        return
    if version not in {int(number) for number in VERSION.findall(header)}:
        raise PreconditionFailed("The resource has changed since you read it. Fetch it again and retry.")


def matches(header: str | None, tag: str) -> bool:
    """Return whether an `If-None-Match` header has the tag."""
    if not header:
        return False
    return header.strip() == "*" or f'"{tag}"' in [each.strip().removeprefix("W/") for each in header.split(",")]


def header(tag: str, *, weak: bool = False) -> str:
    """Return the value of the `ETag` header."""
    return f'W/"{tag}"' if weak else f'"{tag}"'


def with_etag(response: Response, tag: str, *, weak: bool = False) -> Response:
    """Return `response` with its entity tag, or a 304 if `If-None-Match` has that tag."""
    response.headers["ETag"] = header(tag, weak=weak)
    if matches(request.headers.get("If-None-Match"), tag):
        response.status_code = 304
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
    return response
