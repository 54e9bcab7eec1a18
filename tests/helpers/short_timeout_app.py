"""The app with a client time limit of two seconds."""

from gunicorn.http import parser

# The worker's class was loaded before gunicorn forked: this is the module that it comes from.
parser.SocketUnreader.chunk.__globals__["CLIENT_TIMEOUT"] = 2.0

from wsgi import app  # noqa: E402 - after the limit is set

__all__ = ["app"]
