"""The app, which takes a client for gone after two seconds in which nothing moved."""

from blog_app.api.requests import connections

connections.PATIENCE = 2.0

from wsgi import app  # noqa: E402 - after the patience has gone

__all__ = ["app"]
