"""`make shell` and `make psql`: an interactive shell on what `make run` has started. Each replaces this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.development.local import programs
from blog_app.development.local.checkout import data_folder, running_environment
from blog_app.development.local.group import StartError


def shell() -> NoReturn:
    """Open `flask shell`; raise `StartError` if nothing runs."""
    _replace_process(Path(sys.executable).parent / "flask", ["shell"], running_environment(data_folder()))


def psql(name: str, options: Sequence[str]) -> NoReturn:
    """Open psql on the primary of a logical database, in its schema; raise `StartError` if that cannot be."""
    if name not in DATABASE_NAMES:
        raise StartError(f"name a logical database ({', '.join(DATABASE_NAMES)}), such as: make psql DATABASE=blog")
    folder = data_folder()
    environment = running_environment(folder)
    url = environment[f"{name.upper()}_DIRECT_URL"]
    program = programs.postgres(folder) / "psql"
    _replace_process(program, [url, *options], {"PGOPTIONS": f"-c search_path={name}"})


def _replace_process(program: Path, arguments: Sequence[str], environment: dict[str, str]) -> NoReturn:
    os.chdir(ROOT)
    os.execve(program, [str(program), *arguments], os.environ | environment)
