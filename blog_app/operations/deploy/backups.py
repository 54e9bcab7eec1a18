"""Backup and restore: one file in pg_dump's custom format for each logical database, restored into an empty one.

A file is complete or does not exist: it is written under another name first. Only its owner can read it. The watermark
epoch, which belongs to the server, is left out; a restored database starts with a closed epoch, so nothing cached
before is trusted.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import peewee

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import models
from blog_app.data.databases import first_line
from blog_app.data.watermarks import epochs
from blog_app.operations.deploy import programs
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.connection import Connection, connected, run_lock
from blog_app.operations.migrate.database import Reporter

SCHEMA_ENTRY = re.compile(r"^\d+; \d+ \d+ SCHEMA - (\w+) ", re.M)
OPEN_TO_OTHERS = 0o027
"""Permissions that a folder of backups must not give: group may read, nobody else anything."""
DUMP = ("--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=10000")
"""pg_dump waits at most 10 s for transactions that change the schema."""
RESTORE = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")


class BackupError(MigrationError):
    """A backup or a restore failed; `str()` says why."""


def dump(settings: Settings, name: str, folder: Path) -> Path | None:
    """Write a backup of a logical database into `folder`; return the file, or None if the database has no tables."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BackupError(f"BACKUP_DIR, {folder}, cannot be written: {error.strerror}") from error
    if folder.stat().st_mode & OPEN_TO_OTHERS:
        raise BackupError(f"BACKUP_DIR, {folder}, is open to other users: run chmod 700 {shlex.quote(str(folder))}")
    with connected(settings, name, lambda _: None) as connection:
        if not _tables(connection, name):
            return None
        program = programs.find("pg_dump", connection)
    target = folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.dump"
    unfinished = target.with_suffix(".unfinished")
    ephemeral = [model._meta.table_name for model in models.models_of(name) if getattr(model._meta, "fleeting", False)]
    excluded = [f"--exclude-table-data={name}.{table}" for table in (epochs.TABLE, *ephemeral)]
    options = [*DUMP, f"--schema={name}", *excluded, f"--file={unfinished}"]
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))  # pg_dump keeps the mode.
        programs.run(program, settings.databases[name].direct_url, options)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def restore(settings: Settings, file: Path, report: Reporter) -> str:
    """Restore a backup into its logical database, which must be empty, in one transaction; return its name."""
    name = name_of(file)
    with connected(settings, name, report) as connection, run_lock(connection):
        if tables := _tables(connection, name):
            raise BackupError(
                f"{name} is not empty, it has {len(tables)} tables ({', '.join(tables[:5])}, …). Restore into an empty "
                f"database: set {name.upper()}_DATABASE_URL to a new one, or drop the schema"
            )
        try:
            connection.execute_sql(f'DROP SCHEMA IF EXISTS "{name}"')
        except peewee.DatabaseError as error:
            raise BackupError(f"{name} is not empty, it has functions, types or views: {first_line(error)}") from error
        program = programs.find("pg_restore", connection)
        programs.run(program, connection.url, [*RESTORE, str(file)])
        connection.execute_sql(f"INSERT INTO {epochs.table(name)} DEFAULT VALUES")
        with connection.limits(statement=0):
            for table in _tables(connection, name):
                connection.execute_sql(f'ANALYZE "{name}"."{table}"')
    return name


def name_of(file: Path) -> str:
    """Return the logical database of a backup; raise `BackupError` if the file is no complete backup."""
    if not file.is_file():
        raise BackupError(f"file not found: {file}")
    listed = subprocess.run(  # noqa: S603
        [programs.newest("pg_restore"), "--list", str(file)], capture_output=True, text=True, check=False
    )
    schemas = SCHEMA_ENTRY.findall(listed.stdout)
    if listed.returncode or len(schemas) != 1 or schemas[0] not in DATABASE_NAMES:
        raise BackupError(
            f"{file} is not a backup of a logical database, or incomplete. {listed.stderr.strip()}".rstrip()
        )
    return schemas[0]


def _tables(connection: Connection, name: str) -> list[str]:
    rows = connection.execute_sql("SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY 1", (name,))
    return [table for (table,) in rows.fetchall()]
