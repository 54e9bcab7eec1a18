"""What a migration would send, found out without sending anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import peewee

from blog_app.data.databases import first_line
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.dry_run import Recorder, Statement
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator, type_of
from blog_app.operations.migrate.replay import replay
from blog_app.operations.migrate.steps.backfill import Backfill
from blog_app.operations.migrate.steps.base import PythonStep, Step, describe, perform, sql_of


@dataclass
class Preview:
    """The statements of a migration, in their order, and what nobody can foresee."""

    migration: Migration
    statements: list[Statement] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """Python that cannot be previewed, in sentences."""
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    """The type of each column, by table and name, before this migration; those that migrations made by models."""
    whole: list[Statement] = field(default_factory=list)
    """What it would send if nothing of it were there yet."""
    back: list[Statement] | None = None
    """What its rollback would send; None when it has none."""
    has_backfill: bool = False


def preview(
    database_name: str,
    migrations: Sequence[Migration],
    wanted: Sequence[Migration],
    live: peewee.PostgresqlDatabase | None = None,
) -> list[Preview]:
    """Return what each of the `wanted` would send, those before it being applied; `live` answers about the catalog."""
    found: list[Preview] = []
    earlier: list[Statement] = []
    for migration in wanted:
        before = migrations[: migrations.index(migration)]
        result = Preview(migration)
        recorder = Recorder(database_name, live, earlier)
        migrator = replay(recorder, database_name, before)
        result.types = {
            (model._meta.table_name, column): type_of(found)
            for model in migrator.orm
            for column, found in model._meta.columns.items()
        }
        operations = _record(migration.migrate, migration, migrator, recorder, result.unseen)
        result.has_backfill = any(isinstance(operation, Backfill) for operation in operations)
        result.statements = recorder.statements
        earlier = [*earlier, *result.statements]
        result.whole = _alone(database_name, before, migration, migration.migrate)
        if "rollback" in migration.scope:
            result.back = _alone(database_name, [*before, migration], migration, migration.rollback)
        found.append(result)
    return found


def _alone(name: str, before: Sequence[Migration], migration: Migration, function: Any) -> list[Statement]:
    """Return what the function would send, whatever is in the database now; as a comment what nobody can foresee."""
    recorder, unseen = Recorder(name), list[str]()
    _record(function, migration, replay(recorder, name, before), recorder, unseen)
    return recorder.statements + [Statement(f"-- {line}") for line in unseen]


def _record(
    function: Any, migration: Migration, migrator: Migrator, recorder: Recorder, unseen: list[str]
) -> list[Any]:
    migrator.atomic = migration.atomic
    try:
        function(migrator, recorder, fake=False)
    except MigrationError as error:
        error.add_note(migration.name)
        raise
    except Exception as error:  # It asked the database something, and nobody answered.
        unseen.append(f"the function {function.__name__} cannot be previewed ({first_line(error)})")
    operations = migrator.take_operations()
    for operation in operations:
        if isinstance(operation, PythonStep):
            unseen.append(f"{operation} cannot be previewed")
        elif isinstance(operation, Step):
            recorder.in_step = True
            operation.preview(recorder)
            recorder.in_step = False
        else:
            recorder.answers = not sql_of(operation)  # What the file itself says is sent is no question of ours.
            try:
                perform(operation)
            except MigrationError:
                raise
            except Exception as error:  # Peewee looks a foreign key up by its column.
                unseen.append(f"{describe(operation)} cannot be previewed ({first_line(error)})")
            recorder.answers = True
    return operations
