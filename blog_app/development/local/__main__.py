"""`python -m blog_app.development.local run | dev | install | shell | psql NAME`, for make; `hold`, for `kept`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from blog_app import env_files
from blog_app.config import DATABASE_NAMES, ROOT
from blog_app.development.local import development, kept, programs
from blog_app.development.local.group import Command, StartError
from blog_app.development.local.run_state import data_folder, running_environment


def main(arguments: list[str]) -> int:
    """Run a subcommand; return the exit status."""
    try:
        match arguments:
            case ["install"]:
                programs.install_missing()
            case ["run"]:
                return development.run(reload=False)
            case ["dev"]:
                return development.run(reload=True)
            case ["shell"]:
                variables = running_environment(data_folder()) | env_files.NONE
                _replace_process([Path(sys.executable).parent / "flask", "shell"], variables)
            case ["psql", name, *options]:
                _psql(name, options)
            case ["hold", path, *variables]:
                kept.hold(Path(path), dict(each.split("=", 1) for each in variables))
            case _:
                print(__doc__)
                return 2
    except (StartError, OSError) as error:
        print(f"\n{'cannot start: ' if isinstance(error, OSError) else ''}{error}", file=sys.stderr)
        return 1
    return 0


def _psql(name: str, options: Sequence[str]) -> NoReturn:
    """Open psql on the primary of a logical database, in its schema; raise `StartError` if that cannot be."""
    if name not in DATABASE_NAMES:
        raise StartError(f"name a logical database ({', '.join(DATABASE_NAMES)}), such as: make psql DATABASE=blog")
    folder = data_folder()
    url = running_environment(folder)[f"{name.upper()}_DIRECT_URL"]
    _replace_process([programs.postgres(folder) / "psql", url, *options], {"PGOPTIONS": f"-c search_path={name}"})


def _replace_process(command: Command, environment: Mapping[str, str]) -> NoReturn:
    os.chdir(ROOT)
    os.execve(command[0], [str(word) for word in command], os.environ | environment)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
