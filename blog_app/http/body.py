"""Reading a request's body: JSON only, of limited size and depth; JSON Merge Patch."""

from __future__ import annotations

from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from blog_app.errors import BadRequest, TooLarge, UnsupportedMediaType

MAX_DEPTH = 20
JSON_TYPES = ("application/json", "application/merge-patch+json")


def json_body() -> Any:
    """Return the parsed body; raise `UnsupportedMediaType`, `TooLarge` or `BadRequest`."""
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedMediaType(f"Send JSON, with the header Content-Type: {JSON_TYPES[0]}.")
    try:
        document = orjson.loads(request.get_data(cache=True))
    except RequestEntityTooLarge as error:
        raise TooLarge(f"The body has more than {request.max_content_length} bytes.") from error
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from error
    _limit_depth(document, MAX_DEPTH)
    return document


def _limit_depth(value: Any, left: int) -> None:
    """Raise `BadRequest` if the document is nested too deeply for whoever walks it later."""
    if isinstance(value, (dict, list)):
        if not left:
            raise BadRequest(f"The body is nested deeper than {MAX_DEPTH} levels.")
        for inner in value.values() if isinstance(value, dict) else value:
            _limit_depth(inner, left - 1)


def merge_patch(target: Any, patch: Any) -> Any:
    """Return `target` changed by `patch` (RFC 7396): objects merge, null removes, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
