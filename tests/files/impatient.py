"""The app, which takes a client for gone after half a second without a byte."""

from blog_app.http import uploads

uploads.PATIENCE = 0.5

from wsgi import app  # noqa: E402 - after the patience has gone

__all__ = ["app"]
