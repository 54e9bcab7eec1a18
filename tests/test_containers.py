"""Dockerfile and compose.yaml say what the Procfile, the settings and the packages say."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

import pytest
import yaml

from blog_app.config import ROOT, Settings
from blog_app.operations import pgbouncer

DOCKERFILE = (ROOT / "Dockerfile").read_text()
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    text = (ROOT / "compose.yaml").read_text()
    chosen = {"SECRET_KEY": "0123456789abcdef" * 2, "POSTGRES_PASSWORD": "chosen"}
    return yaml.safe_load(re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", lambda found: chosen[found[1]], text))["services"]


def test_the_image_serves_the_web_line_of_the_procfile():
    assert json.loads(DOCKERFILE.rpartition("\nCMD ")[2]) == shlex.split(PROCFILE["web"])


def test_the_services_run_the_lines_of_the_procfile(services):
    for line in ("release", "web", "worker"):  # PgBouncer is a service of its own there.
        assert services[line]["command"] == shlex.split(PROCFILE[line].removeprefix("bin/with-pgbouncer "))


def test_the_services_have_settings_that_are_valid_and_explained(services):
    text = (ROOT / ".env.example").read_text()
    for name in ("web", "worker", "release", "pgbouncer"):
        environment = services[name]["environment"]
        Settings.from_environment(environment)
        assert all(re.search(rf"^(# )?{variable}=", text, re.MULTILINE) for variable in environment)


def test_pgbouncer_listens_where_the_app_connects_and_passes_on_to_the_server(services):
    settings = Settings.from_environment(services["pgbouncer"]["environment"])
    written = pgbouncer.files(settings)["pgbouncer.ini"]
    assert "listen_addr = pgbouncer\n" in written
    assert "listen_port = 6432\n" in written
    assert re.search(r"^blog_app = host=postgres port=5432 dbname=blog_app ", written, re.MULTILINE)


def test_the_image_has_every_file_that_a_deployment_reads_and_no_secret():
    copied = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
    assert {"bin", "blog_app", "migrations", "seed_data", "gunicorn.conf.py", "wsgi.py"} <= copied
    assert not any("env" in name or name in ("var", "tests", "userlist.txt") for name in copied)


def test_the_image_runs_as_an_unprivileged_user():
    (user,) = re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE)
    assert int(user) > 999
