"""What a developer reads: the OpenAPI document, a page that shows it without internet access, the kinds of problems."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import flask_swagger_ui
from flask import Flask, Response, send_from_directory

from blog_app.api.openapi import document
from blog_app.api.responses import etag
from blog_app.api.responses.representation import digest, render
from blog_app.errors import KINDS, NotFound

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
# The page runs scripts from here only; Swagger UI sets styles of its own and draws its icons as data: URLs.
POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"


def init_app(app: Flask) -> None:
    """Add `/openapi.json`, `/docs` and `/problems/<name>`; they need no token."""
    app.add_url_rule("/openapi.json", "openapi", openapi(app))
    app.add_url_rule("/docs", "docs", docs)
    app.add_url_rule("/docs/<name>", "docs_asset", asset)
    app.add_url_rule("/problems/<name>", "problem", problem)


def openapi(app: Flask) -> Callable[[], Response]:
    """Return the view of the app's document, which is made when it is first asked for."""

    @cache
    def rendered() -> bytes:
        return render(document(app))

    def view() -> Response:
        """Describe the API, as OpenAPI 3.1."""
        response = Response(rendered(), content_type="application/json")
        response.headers["Cache-Control"] = "no-cache"
        return etag.tagged(response, digest(rendered()))

    return view


def docs() -> Response:
    """Show the documentation, where every request can be tried."""
    response = send_from_directory(PAGE, "index.html", max_age=0)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def asset(name: str) -> Response:
    """Send a part of the documentation page."""
    if name not in FOLDERS:
        raise NotFound("The documentation has no such part.")
    return send_from_directory(FOLDERS[name], name, max_age=ASSETS_SECONDS)


def problem(name: str) -> Response:
    """Explain a kind of problem, the `type` of an error."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound(f"There is no such kind of problem; there are: {', '.join(KINDS)}.")
    return Response(render(kind.explanation()), content_type="application/json")
