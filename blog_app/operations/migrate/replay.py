"""Replays migration files without a database, to get the models as the migrations so far have made them."""

from __future__ import annotations

from collections.abc import Sequence

import peewee

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.dry_run import DryRunDatabase, ReplayCursor
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.migrator import Migrator


def replay(database: peewee.PostgresqlDatabase, name: str, migrations: Sequence[Migration]) -> Migrator:
    """Return a migrator whose models are as these migrations make them.

    Nothing is sent to `database`, not even what the migrations do by their models.
    """
    dry_run = DryRunDatabase(name)
    dry_run.cursor_class = ReplayCursor
    migrator = Migrator(dry_run, name)
    for migration in migrations:
        migrator.atomic = migration.atomic
        try:
            migration.migrate(migrator, dry_run, fake=True)
        except MigrationError:
            raise
        except Exception as error:
            raise MigrationError(
                f"{migration.name} cannot be replayed: {type(error).__name__}: {error}. Every run replays the earlier "
                "files without a database. Put code that queries the database under `if not fake:`"
            ) from error
        migrator.take_operations()
    migrator.atomic = True
    migrator.work_on(database)
    return migrator
