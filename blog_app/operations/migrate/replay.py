"""The models as the applied migrations have made them: their files are replayed, and nothing is sent."""

from __future__ import annotations

from collections.abc import Sequence

import peewee

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.dry_run import NoRows, Recorder
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator


def replay(database: peewee.PostgresqlDatabase, name: str, migrations: Sequence[Migration]) -> Migrator:
    """Return a migrator whose models are as these migrations make them; nothing is sent to the database.

    Not even by those models: what a migration does by them was done when it was applied.
    """
    recorder = Recorder(name)
    recorder.answer = NoRows
    migrator = Migrator(recorder, name)
    for migration in migrations:
        migrator.atomic = migration.atomic
        try:
            migration.migrate(migrator, recorder, fake=True)
        except MigrationError:
            raise
        except Exception as error:
            raise MigrationError(
                f"{migration.name} cannot be replayed: {type(error).__name__}: {error}. Every run replays the files "
                "before, with no database behind them: what asks the database belongs under `if not fake:`"
            ) from error
        migrator.take_operations()
    migrator.atomic = True
    migrator.work_on(database)
    return migrator
