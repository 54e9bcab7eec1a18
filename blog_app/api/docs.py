"""API documentation: the OpenAPI document, a Swagger UI page that works without internet access, the problem types."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import flask_swagger_ui
from flask import Flask, Response, send_from_directory

from blog_app.api.openapi.document import document
from blog_app.api.requests.body import JSON
from blog_app.api.responses import etag
from blog_app.api.responses.json_encoder import json_response, to_json
from blog_app.errors import PROBLEM_TYPES, NotFound

ASSETS = Path(flask_swagger_ui.__file__).parent / "dist"
PAGE = Path(__file__).parent / "docs_page"
FOLDERS = {
    "style.css": PAGE,
    "page.js": PAGE,
    "swagger-ui.css": ASSETS,
    "swagger-ui-bundle.js": ASSETS,
    "favicon-32x32.png": ASSETS,
}
ASSETS_SECONDS = 3600
# Scripts from this site only; Swagger UI needs inline styles, and data: URLs for its icons.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def init_app(app: Flask) -> None:
    """Add `/openapi.json`, `/docs` and `/problems/<name>`; they need no token."""
    app.add_url_rule("/openapi.json", "openapi", openapi(app))
    app.add_url_rule("/docs", "docs", docs)
    app.add_url_rule("/docs/<name>", "docs_asset", asset)
    app.add_url_rule("/problems/<name>", "problem", problem)


def openapi(app: Flask) -> Callable[[], Response]:
    """Return the view of the OpenAPI document of `app`, which is generated at the first request."""

    @cache
    def rendered() -> bytes:
        return to_json(document(app))

    def view() -> Response:
        """Get the OpenAPI 3.1 document."""
        response = Response(rendered(), content_type=JSON)
        response.headers["Cache-Control"] = "no-cache"
        return etag.with_etag(response, etag.digest(rendered()))

    return view


def docs() -> Response:
    """Show the API documentation."""
    response = send_from_directory(PAGE, "index.html", max_age=0)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def asset(name: str) -> Response:
    """Get an asset of the documentation page."""
    if name not in FOLDERS:
        raise NotFound("Not found.")
    return send_from_directory(FOLDERS[name], name, max_age=ASSETS_SECONDS)


def problem(name: str) -> Response:
    """Explain a problem type, the `type` of an error."""
    problem_type = PROBLEM_TYPES.get(name)
    if problem_type is None:
        raise NotFound(f"Unknown problem type. Known: {', '.join(PROBLEM_TYPES)}.")
    return json_response(problem_type.explanation())
