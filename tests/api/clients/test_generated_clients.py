"""Clients that are generated from the OpenAPI document: no warning, they compile, and a story runs with each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

from blog_app.accounts.models import User
from blog_app.accounts.passwords import hash_password
from tests.helpers import shop
from tests.helpers.caller import PASSWORD, sign_up

HERE = Path(__file__).parent
TOLD = ["a-kettle-that-sings", "pending", "40.00", [2], "Mine too", 404]


@pytest.fixture
def arguments(app: Flask) -> Iterator[list[str]]:
    """What a story is run with: the URL of a running server, the credentials of a user, the id of a product."""
    admin = sign_up(app, "admin")
    with app.app_context():
        User.update(email="ada@example.com", password_hash=hash_password(PASSWORD)).where(
            User.id == admin.user_id
        ).execute()
    product = shop.create_product(sign_up(app, "vendor"), type="digital")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield [f"http://127.0.0.1:{server.port}", "ada@example.com", PASSWORD, product["id"]]
    server.shutdown()
    thread.join()


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a program and return what it printed; fail with it unless it succeeds."""
    done = subprocess.run(command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def folder(tmp_path: Path, document: dict[str, Any]) -> Path:
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    return tmp_path


def test_a_python_client_is_generated_compiles_and_runs(folder: Path, arguments: list[str]) -> None:
    shutil.copy(HERE / "story.py", folder)
    (folder / "config.yml").write_text("post_hooks: []\n")
    generate = [Path(sys.executable).with_name("openapi-python-client"), "generate", "--path", "openapi.json"]
    options = ["--meta", "none", "--output-path", "blog_client", "--config", "config.yml", "--fail-on-warning"]
    assert run(*generate, *options, folder=folder).strip() == "Generating blog_client"
    run(sys.executable, "-m", "compileall", "-q", "blog_client", folder=folder)
    run(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "story.py", folder=folder)
    assert json.loads(run(sys.executable, "story.py", *arguments, folder=folder)) == TOLD


def test_a_typescript_client_is_generated_compiles_and_runs(folder: Path, arguments: list[str]) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not installed")
    modules = install_packages()
    for name in ("story.ts", "tsconfig.json", "package.json"):
        shutil.copy(HERE / name, folder)
    (folder / "node_modules").symlink_to(modules)
    said = run("node_modules/.bin/openapi-typescript", "openapi.json", "--output", "api.ts", folder=folder)
    assert "warn" not in said.lower(), said
    run("node_modules/.bin/tsc", "--project", ".", folder=folder)
    assert json.loads(run("node", "story.js", *arguments, folder=folder)) == TOLD


def install_packages() -> Path:
    """Return the folder of the packages in package-lock.json, installed once; skip, but not in CI, if none can be."""
    modules = HERE / "node_modules"
    installed = modules / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (HERE / "package-lock.json").stat().st_mtime:
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = f"npm cannot install the packages: {done.stderr}"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return modules
