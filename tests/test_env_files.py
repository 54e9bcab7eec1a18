"""Which environment files the processes read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from blog_app.config import ROOT
from blog_app.development.local.group import Group

PROGRAMS = Path(sys.executable).parent
SHOW = "import os; print('read:', *map(os.environ.get, ('SITE_NAME', 'MAIL_FROM', 'LOG_LEVEL')))\n"
URL = "postgresql://nobody@127.0.0.1:1/nowhere"
DATABASE = f"DATABASE_URL={URL}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the app, the `.env` of production and a `.env.staging`."""
    for file in ("wsgi.py", "gunicorn.conf.py"):
        (tmp_path / file).symlink_to(ROOT / file)
    (tmp_path / ".env").write_text(f"{DATABASE}SITE_NAME=production\nMAIL_FROM=production\nLOG_LEVEL=ERROR\n")
    (tmp_path / ".env.staging").write_text(f"{DATABASE}SITE_NAME=staging\n")
    return tmp_path


def read(folder: Path, *command: str | Path, **variables: str) -> str:
    """Return what a program reads: SITE_NAME, MAIL_FROM and LOG_LEVEL."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "APP_MODE": "test", "LOG_LEVEL": "INFO"} | variables
    done = subprocess.run(
        command, cwd=folder, env=environment, input=SHOW, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.partition("read: ")[2].splitlines()[0]


@pytest.mark.parametrize("option", [["--env-file", ".env.staging"], ["--env-file=.env.staging"], ["-e.env.staging"]])
def test_a_file_that_the_command_names_is_the_only_one(folder: Path, option: list[str]) -> None:
    assert read(folder, PROGRAMS / "flask", *option, "shell") == "staging None INFO"
    assert read(folder, PROGRAMS / "flask", *option, "shell", FLASK_ENV_FILE=".env") == "staging None INFO"


@pytest.mark.parametrize(
    "command",
    [
        (PROGRAMS / "flask", "shell"),
        (sys.executable, "-c", f"import runpy; runpy.run_path('wsgi.py'); {SHOW}"),
        (sys.executable, "-c", f"import runpy; runpy.run_path('gunicorn.conf.py'); {SHOW}"),
    ],
)
def test_it_is_dot_env_unless_the_environment_names_another_or_none(folder: Path, command: tuple[str | Path]) -> None:
    assert read(folder, *command) == "production production INFO"
    assert read(folder, *command, FLASK_ENV_FILE=".env.staging") == "staging None INFO"
    assert read(folder, *command, FLASK_SKIP_DOTENV="1", DATABASE_URL=URL) == "None None INFO"


def test_programs_of_make_run_read_none() -> None:
    group = Group()
    try:
        code = "import os, sys; sys.exit(os.environ['FLASK_SKIP_DOTENV'] != '1')"
        assert group.start_program([sys.executable, "-c", code], {}).wait() == 0
    finally:
        group.close()
