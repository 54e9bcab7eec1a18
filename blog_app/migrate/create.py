"""Writes a new migration file: an empty one, or one with what the models have and the migrations have not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import peewee
from peewee_migrate.auto import diff_many

from blog_app.migrate import MigrationError, files
from blog_app.migrate.migrator import Migrator
from blog_app.migrate.recorder import Recorder

TEMPLATE = '''\
"""{title}."""

import peewee as pw
import playhouse.postgres_ext as pw_pext  # noqa: F401
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
{migrate}


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
{rollback}
'''


def empty(name: str, title: str, folder: Path = files.FOLDER) -> Path:
    """Write a migration that does nothing yet; return its path."""
    return _write(name, title, ["migrator.sql('')  # one statement a call"], ["migrator.sql('')"], folder)


def automatic(name: str, title: str, models: Sequence[type[peewee.Model]], folder: Path = files.FOLDER) -> Path:
    """Write a migration from what the files make to what `models` say; raise `MigrationError` if that is the same."""
    recorder = Recorder(name)
    migrator = Migrator(recorder, name)
    for migration in files.read(name, folder):
        migration.migrate(migrator, recorder, fake=True)
        migrator.take_operations()
    old = list(migrator.orm)
    changes = diff_many(list(models), old, migrator)
    if not changes:
        raise MigrationError(f"{name}: the models and the migrations agree, there is nothing to write")
    return _write(name, title, changes, diff_many(old, list(models), migrator, reverse=True), folder)


def _write(name: str, title: str, migrate: Sequence[str], rollback: Sequence[str], folder: Path) -> Path:
    path = files.next_path(name, title, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    code = TEMPLATE.format(
        title=title.strip().replace("_", " ").capitalize(),
        migrate=_indented(migrate),
        rollback=_indented(rollback),
    )
    path.write_text(code)
    return path


def _indented(blocks: Sequence[str]) -> str:
    # peewee-migrate indents all lines of a block but the first.
    return textwrap.indent("\n\n".join(textwrap.dedent("    " + block) for block in blocks), "    ")
