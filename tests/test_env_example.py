""".env.example explains the environment: every variable that is read, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dotenv import dotenv_values

from blog_app.config import ROOT, ConfigurationError, Settings
from blog_app.operations.pgbouncer import ADMIN_PASSWORD

EXAMPLE = ROOT / ".env.example"
ENVIRON = re.compile(r'environ(?:\.get\(|\[|\.setdefault\()"(?!HTTP_|REMOTE_|REQUEST_|PATH_INFO|QUERY_)(\w+)"')
"""But not what WSGI, which calls a request's variables `environ` too, has in it."""
FOREIGN = {"PATH", "PGTZ", "FLASK_ENV_FILE"}
"""Variables of the system, of libpq and of Flask."""


class Recorder(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(DATABASE_URL="postgresql://localhost/blog", APP_MODE="test")
        self.asked: set[str] = set()

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        self.asked.add(name)
        return super().get(name, default)


def explained() -> dict[str, str]:
    """Return the variables of the example, those in comments too, with their values."""
    return dict(re.findall(r"^(?:# )?([A-Z0-9_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))


def read_elsewhere() -> set[str]:
    """Return the variables that code outside the settings reads."""
    sources: list[Path] = [*(ROOT / "blog_app").rglob("*.py"), ROOT / "gunicorn.conf.py", ROOT / "wsgi.py"]
    return {name for path in sources for name in ENVIRON.findall(path.read_text())} - FOREIGN


def test_every_variable_is_explained_and_none_is_made_up() -> None:
    recorder = Recorder()
    Settings.from_environment(recorder)
    assert set(explained()) == recorder.asked | read_elsewhere() | {ADMIN_PASSWORD, "PGBOUNCER_POOL_SIZE"}


def test_the_defaults_that_it_shows_are_the_defaults() -> None:
    required = {name: value for name, value in explained().items() if name in ("APP_MODE", "DATABASE_URL")}
    numbers = {name: value for name, value in explained().items() if re.fullmatch(r"[\d.]+", value)}
    assert Settings.from_environment({**required, **numbers}) == Settings.from_environment(required)


def test_it_can_be_used_as_it_is() -> None:
    values = {name: value or "" for name, value in dotenv_values(EXAMPLE).items()}
    assert Settings.from_environment(values).mode == "development"


def test_everything_in_it_is_valid_together() -> None:
    examples = {name: value for name, value in explained().items() if value}
    try:
        Settings.from_environment(examples)
    except ConfigurationError as error:
        pytest.fail(str(error))
