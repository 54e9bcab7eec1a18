"""JSON encoding of responses, by orjson."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response

from blog_app.api.requests.body import JSON


def to_json(document: Any) -> bytes:
    """Return `document` as JSON; Decimals become strings, because a float could change them."""
    return orjson.dumps(document, default=_default, option=orjson.OPT_UTC_Z)


def json_response(document: Any, status: int = HTTPStatus.OK, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Return a response with `document` as JSON."""
    return Response(to_json(document), status, list(headers), content_type=JSON)


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
