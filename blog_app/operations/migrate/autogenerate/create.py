"""Writes new migration files: an empty one, or those that lead from what the files make to what the models say.

What was written is tried at once in a scratch database, up and down. So nothing is left to trust: what the files do not
achieve is said.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, all_databases, files, plan
from blog_app.operations.migrate.autogenerate.draft import NOTHING, Change, Draft, draft
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.migrate.dry_run import Recorder
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.schema import catalog, comparison
from blog_app.operations.migrate.schema.shadow import of_models, scratch

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
ATOMIC = ""
STEP_BY_STEP = "\natomic = False\n"


@dataclass(frozen=True)
class Written:
    """What `automatic` has done."""

    paths: Sequence[Path]
    notes: Sequence[str]
    """What a person must decide or write, in sentences."""


def empty(name: str, title: str, folder: Path | None = None) -> Path:
    """Write a migration that does nothing yet; return its path."""
    return _write(name, title, [('migrator.sql("")  # one statement a call', 'migrator.sql("")')], ATOMIC, folder)


def automatic(settings: Settings, name: str, title: str, models: Sequence[Any], folder: Path | None = None) -> Written:
    """Write what leads from the files to `models`; raise `MigrationError` when they agree."""
    with scratch(settings, name) as elsewhere:
        all_databases.run(elsewhere, [name], lambda runner: runner.up(), _silent, folder)
        with connected(elsewhere, name, _silent) as connection:
            old, new = _read(connection, name), of_models(connection, name, models)
        if not comparison.compare(new, old, "", ""):
            raise MigrationError(f"{name}: the models and the migrations agree, there is nothing to write")
        old_models = replay(Recorder(name), name, files.read(name, folder)).orm
        found = draft(old, new, models, {model._meta.table_name: model for model in old_models})
        paths = _write_all(name, title, found, folder)
        return Written(paths, [*found.undecided, *_try(elsewhere, name, paths, old, new, folder)])


def _write_all(name: str, title: str, found: Draft, folder: Path | None) -> list[Path]:
    paths = []
    for table, changes in found.first.items():
        several = f"{title} {table}" if len(found.first) > 1 else title
        paths.append(_write(name, several.rstrip(), changes, ATOMIC, folder))
    if found.then:
        paths.append(_write(name, f"{title} step by step" if paths else title, found.then, STEP_BY_STEP, folder))
    return paths


def _try(
    settings: Settings, name: str, paths: Sequence[Path], old: catalog.Schema, new: catalog.Schema, folder: Path | None
) -> list[str]:
    """Run the files up and down; return what they do not achieve."""
    written = [path.stem for path in paths]
    try:
        all_databases.run(settings, [name], lambda runner: runner.up(only=written), _silent, folder)
        with connected(settings, name, _silent) as connection:
            notes = comparison.compare(new, _read(connection, name), "the models", "the files written")
        notes += _dangers(name, written, folder)
        all_databases.run(settings, [name], lambda runner: runner.down(steps=len(written)), _silent, folder)
        with connected(settings, name, _silent) as connection:
            return notes + comparison.compare(old, _read(connection, name), "the files before", "their rollback")
    except MigrationError as error:
        return [f"the files written do not run: {error}"]


def _read(connection: Connection, name: str) -> catalog.Schema:
    return comparison.as_models_know(catalog.read(connection, name))


def _dangers(name: str, written: Sequence[str], folder: Path | None) -> list[str]:
    """Return what `up` refuses in the files until they say why it is safe."""
    migrations = files.read(name, folder)
    planned = plan.plan(name, migrations, [migration for migration in migrations if migration.name in written])
    return [f"up refuses{line[1:]}" for item in planned for line in plan.describe_dangers(item)]


def _write(name: str, title: str, changes: Sequence[Change], options: str, folder: Path | None) -> Path:
    path = files.next_path(name, title, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    migrate = _body([change for change, _ in changes])
    rollback = _body([back for _, back in reversed(changes)])
    imports = ["import peewee as pw"]
    if "pw_pext." in migrate + rollback:
        imports.append("import playhouse.postgres_ext as pw_pext")
    path.write_text(
        encoding="utf-8",
        data=TEMPLATE.format(
            title=title.strip().replace("_", " ").capitalize().rstrip("."),
            imports="\n".join(imports),
            options=options,
            migrate=migrate,
            rollback=rollback,
        ),
    )
    return path


def _body(blocks: Sequence[str]) -> str:
    kept = [block for block in blocks if block != NOTHING] or ["pass"]
    classes = any("\n" in block for block in kept)
    return textwrap.indent(("\n\n" if classes else "\n").join(kept), "    ")


def _silent(_: str) -> None:
    """The scratch database is nobody's news."""
