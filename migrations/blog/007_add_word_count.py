"""The word count of posts, step 1 of 3: add the column.

A required column of a big table is added in three migrations that do not block anybody: the column without NOT NULL
(an instant), a backfill of the existing rows (008), NOT NULL by way of a validated CHECK (009). The code that writes
the column is released with this one, so no new row lacks it from step 2 on.
"""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("posts", word_count=pw.IntegerField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_fields("posts", "word_count")
