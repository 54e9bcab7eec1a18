"""Creates migration files: an empty one, or those that lead from the schema of the files to that of the models.

The files are run up and down in a scratch database, and what they do not achieve is listed.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, all_databases, catalog, files, plan
from blog_app.operations.migrate.autogenerate.draft import NOTHING, Change, Draft, draft
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.dry_run import DryRunDatabase
from blog_app.operations.migrate.peewee_operations import UnknownColumns
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.schema import comparison
from blog_app.operations.migrate.schema.shadow import schema_after, schema_of_models, scratch_database

TEMPLATE = '''\
"""{title}."""

{imports}
from peewee_migrate import Migrator
{options}

def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
{migrate}


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
{rollback}
'''


def create_empty(name: str, title: str, folder: Path | None = None) -> Path:
    """Create a migration that does nothing yet; return its path."""
    return _write(name, title, [('migrator.sql("")  # one statement a call', 'migrator.sql("")')], folder)


def autogenerate(
    settings: Settings, name: str, title: str, models: Sequence[Any], folder: Path | None = None
) -> tuple[list[Path], list[str]]:
    """Create the files that lead from the migrations to `models`; raise `MigrationError` if they agree.

    Returns their paths, and in sentences what a person must decide or write.
    """
    with scratch_database(settings, name) as scratch:
        old = _schema_after(lambda runner: runner.up(), scratch, name, folder)
        with connected(scratch, name, lambda _: None) as connection:
            new = schema_of_models(connection, name, models)
        if not comparison.compare(new, old, "", ""):
            raise MigrationError(f"{name}: models and migrations agree, so there is nothing to create")
        replayed = replay(DryRunDatabase(name), name, files.read(name, folder)).orm
        old_models = [model for model in replayed if not isinstance(model._meta.fields, UnknownColumns)]
        found = draft(old, new, models, {model._meta.table_name: model for model in old_models})
        paths = _write_all(name, title, found, folder)
        return paths, [*found.to_decide, *_try(scratch, name, paths, old, new, folder)]


def _write_all(name: str, title: str, found: Draft, folder: Path | None) -> list[Path]:
    paths = []
    for table, changes in found.transactional.items():
        several = f"{title} {table}" if len(found.transactional) > 1 else title
        paths.append(_write(name, several.rstrip(), changes, folder))
    if found.stepwise:
        stepwise = f"{title} step by step" if paths else title
        paths.append(_write(name, stepwise, found.stepwise, folder, options="\natomic = False\n"))
    return paths


def _try(
    settings: Settings, name: str, paths: Sequence[Path], old: catalog.Schema, new: catalog.Schema, folder: Path | None
) -> list[str]:
    """Run the files up and down; return in sentences what they do not achieve."""
    created = [path.stem for path in paths]
    try:
        there = _schema_after(lambda runner: runner.up(only=created), settings, name, folder)
        notes = comparison.compare(new, there, "the models", "the created files")
        migrations = files.read(name, folder)
        for item in plan.plan(name, migrations, [migration for migration in migrations if migration.name in created]):
            notes += [f"up refuses{line[1:]}" for line in plan.describe_dangers(item)]
        back = _schema_after(lambda runner: runner.down(steps=len(created)), settings, name, folder)
        return notes + comparison.compare(old, back, "the earlier files", "the rollback")
    except MigrationError as error:
        return [f"the created files do not run: {error}"]


def _schema_after(work: all_databases.Work, settings: Settings, name: str, folder: Path | None) -> catalog.Schema:
    return comparison.described_by_models(schema_after(work, settings, name, folder))


def _write(name: str, title: str, changes: Sequence[Change], folder: Path | None, options: str = "") -> Path:
    path = files.next_path(name, title, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    migrate = _body([change for change, _ in changes])
    rollback = _body([back for _, back in reversed(changes)])
    imports = ["import peewee as pw"]
    if "pw_pext." in migrate + rollback:
        imports.append("import playhouse.postgres_ext as pw_pext")
    title = title.strip().replace("_", " ").capitalize().rstrip(".")
    code = {"imports": "\n".join(imports), "options": options, "migrate": migrate, "rollback": rollback}
    path.write_text(TEMPLATE.format(title=title, **code), encoding="utf-8")
    return path


def _body(blocks: Sequence[str]) -> str:
    code = [block for block in blocks if block != NOTHING] or ["pass"]
    classes = any("\n" in block for block in code)
    return textwrap.indent(("\n\n" if classes else "\n").join(code), "    ")
