"""The body of a request: JSON of limited size and depth without duplicate keys; JSON Merge Patch (RFC 7396)."""

from __future__ import annotations

import json
from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from blog_app.errors import BadRequest, TooLarge, UnsupportedMediaType

MAX_DEPTH = 20
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"


def json_body(*, types: tuple[str, ...] = (JSON,), required: bool = True) -> Any:
    """Return the parsed body; raise `UnsupportedMediaType`, `TooLarge` or `BadRequest`.

    A missing body is an empty object, unless a body is `required`.
    """
    if not required and not request.mimetype and not request.get_data():
        return {}
    refuse_encoding()
    if request.mimetype not in types or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise UnsupportedMediaType(f"Send JSON in UTF-8 with Content-Type: {types[0]}.")
    max_bytes = request.max_content_length or 0
    # Without a Content-Length, werkzeug truncates the body at the limit without an error; one more byte reveals it.
    request.max_content_length = max_bytes + 1
    try:
        if (request.content_length or 0) > max_bytes or len(request.get_data()) > max_bytes:
            raise RequestEntityTooLarge
        document = orjson.loads(request.get_data())
    except RequestEntityTooLarge as error:
        raise TooLarge(f"The body is larger than {max_bytes} bytes.") from error
    except orjson.JSONDecodeError as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from error
    _require_depth(document, MAX_DEPTH)
    if isinstance(document, (dict, list)):
        _refuse_duplicate_keys.decode(request.get_data().decode())
    return document


def _unique(pairs: list[tuple[str, Any]]) -> None:
    """Raise `BadRequest` if an object has a key twice: parsers differ in which of the values they take."""
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise BadRequest(f"The body has the key {key[:100]!r} more than once in one object.")
        seen.add(key)


_refuse_duplicate_keys = json.JSONDecoder(object_pairs_hook=_unique, parse_int=str, parse_float=str)
"""orjson, which parses the body, takes the last value of a key and cannot tell."""


def refuse_encoding() -> None:
    """Raise `UnsupportedMediaType` if the body is compressed."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the body without a Content-Encoding.")


def _require_depth(value: Any, left: int) -> None:
    """Raise `BadRequest` if the document is nested too deeply: code that walks it later is recursive."""
    if isinstance(value, (dict, list)):
        if not left:
            raise BadRequest(f"The body is nested more than {MAX_DEPTH} levels deep.")
        for inner in value.values() if isinstance(value, dict) else value:
            _require_depth(inner, left - 1)


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
