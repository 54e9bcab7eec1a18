"""API documentation: the index of resources, the OpenAPI document, the problem types, and a Swagger UI page.

All of it works without internet access and without a token. The index and the document are made from the routes.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Flask, Response

from blog_app.api.blueprint import operations_of
from blog_app.api.openapi.document import document
from blog_app.api.requests.body import JSON
from blog_app.api.responses.compression import Compressible
from blog_app.api.responses.json_encoder import json_response, to_json
from blog_app.errors import PROBLEM_TYPES, NotFound

API = "/api/v1"
"""What the URL of every resource begins with."""
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
    """Add the index of the API, `/openapi.json`, `/docs` and `/problems/<name>`."""
    app.add_url_rule(API, "api_index", _document_view(app, resources, "Get the resources of the API."))
    app.add_url_rule("/openapi.json", "openapi", _document_view(app, document, "Get the OpenAPI 3.1 document."))
    app.add_url_rule("/docs", "docs", docs)
    app.add_url_rule("/docs/<name>", "docs_asset", asset)
    app.add_url_rule("/problems/<name>", "problem", problem)


def resources(app: Flask) -> dict[str, Any]:
    """Return the URL and the methods of every resource of `app` that has no parameter in its path."""
    rules = {rule.endpoint: rule for rule in app.url_map.iter_rules()}
    methods: dict[str, list[str]] = {}
    for operation in operations_of(app):
        rule = rules[operation.rule_endpoint]
        if not rule.arguments:
            methods.setdefault(rule.rule, []).append(operation.method)
    links = {path.removeprefix(f"{API}/"): {"href": path, "methods": methods[path]} for path in sorted(methods)}
    return {"documentation": "/docs", "openapi": "/openapi.json", "resources": links}


def _document_view(app: Flask, make: Callable[[Flask], dict[str, Any]], summary: str) -> Callable[[], Response]:
    """Return the view of a document about `app`, which is made at the first request."""

    @cache
    def rendered() -> Compressible:
        return Compressible(to_json(make(app)), JSON)

    def view() -> Response:
        return rendered().response("no-cache")

    view.__doc__ = summary
    return view


def docs() -> Response:
    """Show the API documentation."""
    response = _read(PAGE / "index.html").response("no-cache")
    response.headers["Content-Security-Policy"] = POLICY
    return response


def asset(name: str) -> Response:
    """Get an asset of the documentation page."""
    if name not in FOLDERS:
        raise NotFound("Not found.")
    return _read(FOLDERS[name] / name).response(f"public, max-age={ASSETS_SECONDS}")


@cache
def _read(path: Path) -> Compressible:
    return Compressible(path.read_bytes(), str(mimetypes.guess_type(path.name)[0]))


def problem(name: str) -> Response:
    """Explain a problem type, the `type` of an error."""
    problem_type = PROBLEM_TYPES.get(name)
    if problem_type is None:
        raise NotFound(f"Unknown problem type. Known: {', '.join(PROBLEM_TYPES)}.")
    return json_response(problem_type.explanation())
