"""The benchmark's servers: a throwaway stack, and apps under gunicorn in front of it."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blog_app import create_app
from blog_app.accounts import tokens
from blog_app.accounts.models import RoleGrant, User
from blog_app.config import ROOT, Settings
from blog_app.development.local.ports import private_ports
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack


class Subject:
    """A stack with a big fake blog, and methods that serve apps on it."""

    def __init__(self, stack: Stack, log: Path) -> None:
        self.stack = stack
        self.ports = private_ports()
        self.log = log
        self.environment = {
            **stack.environment(),
            "APP_MODE": "production",
            "SECRET_KEY": "benchmarks-only-benchmarks-only",
            "WRITE_LIMIT": "1000000",
        }

    def flask(self, *arguments: str) -> None:
        """Run a `flask` command and print its output."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        subprocess.run(command, cwd=ROOT, env=os.environ | self.environment, check=True)

    def sign_in(self) -> str:
        """Return the token of an author."""
        app = create_app(Settings.from_environment(self.environment))
        with app.app_context():
            user = User.select().first()
            RoleGrant.insert(user=user, role="author").on_conflict_ignore().execute()
            return str(tokens.issue(user)["token"])

    @contextmanager
    def served(self, app: str, **variables: str) -> Iterator[tuple[int, dict[str, int]]]:
        """Serve `app` with gunicorn.conf.py; yield its port and the process ids of all parts."""
        port = next(self.ports)
        environment = os.environ | self.environment | {"PORT": str(port)} | variables
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", app], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        try:
            if not wait_until(lambda: _answers(port), 20):
                raise SystemExit(f"{app} did not start: see {self.log}")
            yield port, {"app": process.pid, **self._parts()}
        finally:
            process.terminate()
            process.wait()

    def _parts(self) -> dict[str, int]:
        servers: Mapping[str, Any] = {
            "pgbouncer": self.stack.pgbouncer,
            "postgres": self.stack.postgres,
            "redis": self.stack.redis,
        }
        return {name: server.pid for name, server in servers.items() if server}


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5):
            return True
    except OSError:
        return False


def fetch(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    """Return the body at `path`."""
    with _open(port, path, headers) as response:
        return bytes(response.read())


def warm(port: int, paths: Iterable[str], headers: Mapping[str, str]) -> None:
    """Wait until these paths are served from the cache, which is trusted some seconds after a start."""

    def hits() -> bool:
        found = []
        for path in paths:
            with _open(port, path, headers) as response:
                found.append(response.headers["X-Cache"] == "hit")
        return all(found)

    if not wait_until(hits, 60):
        raise SystemExit("the cache has no hits: is Redis running?")


def _open(port: int, path: str, headers: Mapping[str, str]) -> Any:
    return urllib.request.urlopen(
        urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=dict(headers)), timeout=30
    )
