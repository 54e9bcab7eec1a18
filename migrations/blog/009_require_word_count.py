"""The number of words of each post: third step of three, no post is without it."""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.set_not_null("posts", "word_count")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.drop_not_null("posts", "word_count")
