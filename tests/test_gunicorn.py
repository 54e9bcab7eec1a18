"""How the web process starts, and how it says that it cannot."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from blog_app.config import ROOT, VERSION
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from tests.helpers.programs import Program


def start(**environment: str) -> str:
    """Start gunicorn, expect that it gives up, and return what it says on the way."""
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "wsgi:app"],
        cwd=ROOT,
        env=os.environ | {"PORT": "0", "APP_MODE": "development", "START_PAUSE": "0.01"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_it_tries_five_times_to_reach_the_databases_and_then_says_which_is_away(port: int) -> None:
    said = start(DATABASE_URL=f"postgresql://user:secret@127.0.0.1:{port}/blog")

    assert "Giving up after 5 tries: cannot connect to accounts: " in said
    assert "secret" not in said


def test_it_names_every_variable_that_is_wrong() -> None:
    said = start(DATABASE_URL="mysql://nowhere/blog", CONNECT_TIMEOUT="soon", APP_MODE="production", SECRET_KEY="")

    assert "DATABASE_URL must begin with postgresql://" in said
    assert "CONNECT_TIMEOUT is 'soon'" in said
    assert "SECRET_KEY is missing" in said


def test_it_refuses_a_pooler_that_leads_to_another_database(stack: Stack) -> None:
    stack.postgres.create_database("another_deployment", owner="blog_app")
    direct = stack.postgres.url("another_deployment", "blog_app", stack.passwords.app)

    said = start(**stack.environment() | {"SHOP_DIRECT_URL": direct})

    assert "shop: SHOP_DATABASE_URL (or DATABASE_URL) leads to another database than SHOP_DIRECT_URL" in said
    assert "next try" not in said
    assert stack.passwords.app not in said


def test_a_reload_serves_the_new_code(stack: Stack, port: int, tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns(".git", ".venv", "var", "tests", "__pycache__", ".hypothesis", ".*_cache")
    copy = Path(shutil.copytree(ROOT, tmp_path / "copy", ignore=left_out))
    environment = os.environ | stack.environment() | {"PORT": str(port), "APP_MODE": "development"}
    command = [Path(sys.executable).parent / "gunicorn", "wsgi:app"]

    with Program(*command, folder=copy, environment=environment) as server:
        assert wait_until(lambda: alive(port) == "ok", 60), server.said
        code = copy / "blog_app/health.py"
        code.write_text(code.read_text().replace('{"status": "ok"})', '{"status": "renewed"})'))
        server.send_signal(signal.SIGHUP)
        assert wait_until(lambda: alive(port) == "renewed", 60), server.said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            assert response.headers.get_all("Server") == [f"blog_app/{VERSION}"]
        assert f"version {VERSION} starts" in server.said


def alive(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return json.load(response)["status"]
    except OSError:
        return None
