"""Entity tags (RFC 9110, section 8.8.3): `"<version>-<hash>"` for an item, `"<hash>"` for a list.

The hash changes with anything in the representation, so `If-None-Match` answers 304 only when the bytes are the same.
The version changes when the row does, and only that is compared by `If-Match`: an include that changed elsewhere must
not refuse somebody's edit. A weak tag is compared too, because proxies weaken the tags of what they compress.
"""

from __future__ import annotations

import re

from flask import Response, request

from blog_app.errors import PreconditionFailed

VERSION = re.compile(r'(?:W/)?"(\d{1,10})-[0-9a-f]+"')


def require_match(version: int, content: str | None = None) -> None:
    """Raise `PreconditionFailed` if the request has an `If-Match` that is about another version.

    `content` is the tag of what else may have been read and changed here: a file's content.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*" or (content and f'"{content}"' in header):
        return
    if version not in {int(found) for found in VERSION.findall(header)}:
        raise PreconditionFailed("It was changed in the meantime: fetch it again, and repeat the change on that.")


def matches(known: str | None, tag: str) -> bool:
    """Tell whether an `If-None-Match` header knows the tag."""
    if not known:
        return False
    return known.strip() == "*" or f'"{tag}"' in [each.strip().removeprefix("W/") for each in known.split(",")]


def tagged(response: Response, tag: str) -> Response:
    """Return `response` with its entity tag, or a 304 if the caller has that representation already."""
    response.headers.add("ETag", f'"{tag}"')
    if matches(request.headers.get("If-None-Match"), tag):
        response.status_code = 304
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
    return response
