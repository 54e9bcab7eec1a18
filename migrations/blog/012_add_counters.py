"""A row of counters for each post that has none. Until then such posts are missing in lists by popularity."""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_rows("post_counters", "post_id", source="posts", values="id")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """Do nothing: a row of zeros says the same as none."""
