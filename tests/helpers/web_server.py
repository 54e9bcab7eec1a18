"""The app under gunicorn, for tests that need real web processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from blog_app.development.local.ports import private_port
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from tests.helpers.programs import SECONDS, Program


class Web(Program):
    """gunicorn, with two worker processes unless `variables` say otherwise."""

    def __init__(self, stack: Stack, application: str, port: int, **variables: str) -> None:
        self.port = port
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", application]
        own = {"APP_MODE": "test", "PORT": str(port), "WEB_CONCURRENCY": "2"}
        super().__init__(*command, environment=os.environ | stack.environment() | own | variables)

    def responds(self) -> bool:
        """Return whether a worker process responds."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False


@contextmanager
def gunicorn(stack: Stack, application: str = "wsgi:app", **variables: str) -> Iterator[Web]:
    """Serve an application by gunicorn while the block runs; it starts when the application responds."""
    with private_port() as port, Web(stack, application, port, **variables) as web:
        assert wait_until(web.responds, SECONDS), web.said
        yield web
