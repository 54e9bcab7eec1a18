"""The app in real web processes, for tests of what only they can show."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from blog_app.config import ROOT
from blog_app.local.ports import private_ports
from blog_app.local.process import wait_until
from blog_app.local.stack import Stack


@contextmanager
def gunicorn(stack: Stack, folder: Path, application: str = "wsgi:app", **variables: str) -> Iterator[int]:
    """Serve an application by gunicorn, with two worker processes unless `variables` say otherwise; yield its port."""
    port = next(private_ports())
    settings = {"APP_MODE": "test", "PORT": str(port), "WEB_CONCURRENCY": "2", **variables}
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", application]
        web = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | stack.environment() | settings, stdout=log, stderr=log
        )

    def answers() -> bool:
        try:
            return urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2).status == 200
        except OSError:
            return False

    try:
        assert wait_until(answers, 60), (folder / "log").read_text()[-2000:]
        yield port
    finally:
        web.terminate()
        web.wait()
