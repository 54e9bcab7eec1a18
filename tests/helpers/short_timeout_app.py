"""The WSGI app with a client timeout of two seconds, for tests of stalled connections."""

from blog_app.api.requests import connections

connections.PATIENCE = 2.0

from wsgi import app  # noqa: E402 - after the timeout is set

__all__ = ["app"]
