"""Preview of a migration: the statements that it would send, found by a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blog_app.data.databases import first_line
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.dry_run import DryRunDatabase, Statement
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.steps.backfill import Backfill
from blog_app.operations.migrate.steps.base import PythonStep, Step, describe, perform, raw_sql


@dataclass
class Preview:
    """The statements of a migration, in their order."""

    migration: Migration
    statements: list[Statement] = field(default_factory=list)
    unpreviewed: list[str] = field(default_factory=list)
    """Python code that cannot be previewed, in sentences."""
    whole: list[Statement] = field(default_factory=list)
    """What it would send if nothing of it existed yet."""
    rollback: list[Statement] | None = None
    """What its rollback would send; None if it has none."""
    has_backfill: bool = False


def preview(
    name: str, migrations: Sequence[Migration], wanted: Sequence[Migration], live: Connection | None = None
) -> list[Preview]:
    """Return what each of the `wanted` would send after those before it; `live` answers catalog queries."""
    found: list[Preview] = []
    earlier: list[Statement] = []
    for migration in wanted:
        before = migrations[: migrations.index(migration)]
        result = Preview(migration)
        dry_run = DryRunDatabase(name, live, earlier)
        migrator = replay(dry_run, name, before)
        operations = _record(migration.migrate, migration, migrator, dry_run, result.unpreviewed)
        result.has_backfill = any(isinstance(operation, Backfill) for operation in operations)
        result.statements = dry_run.statements
        earlier = [*earlier, *result.statements]
        result.whole = _on_empty_database(name, before, migration, migration.migrate)
        if "rollback" in migration.namespace:
            result.rollback = _on_empty_database(name, [*before, migration], migration, migration.rollback)
        found.append(result)
    return found


def _on_empty_database(name: str, before: Sequence[Migration], migration: Migration, function: Any) -> list[Statement]:
    """Return what the function would send to an empty database; what cannot be previewed becomes a comment."""
    dry_run, unpreviewed = DryRunDatabase(name), list[str]()
    _record(function, migration, replay(dry_run, name, before), dry_run, unpreviewed)
    return dry_run.statements + [Statement(f"-- {line}") for line in unpreviewed]


def _record(
    function: Any, migration: Migration, migrator: Migrator, dry_run: DryRunDatabase, unpreviewed: list[str]
) -> list[Any]:
    migrator.atomic = migration.atomic
    try:
        function(migrator, dry_run, fake=False)
    except MigrationError as error:
        error.add_note(migration.name)
        raise
    except Exception as error:  # It queried the database.
        unpreviewed.append(f"the function {function.__name__} cannot be previewed ({first_line(error)})")
    operations = migrator.take_operations()
    for operation in operations:
        if isinstance(operation, PythonStep):
            unpreviewed.append(f"{operation} cannot be previewed")
        elif isinstance(operation, Step):
            dry_run.in_step = True
            operation.preview(dry_run)
            dry_run.in_step = False
        else:
            dry_run.answers_catalog_queries = not raw_sql(operation)  # SQL of the file itself is recorded.
            try:
                perform(operation)
            except MigrationError:
                raise
            except Exception as error:  # Peewee looked up a foreign key, for example.
                unpreviewed.append(f"{describe(operation)} cannot be previewed ({first_line(error)})")
            dry_run.answers_catalog_queries = True
    return operations
