"""The number of words of each post: first step of three, the column.

A required column of a big table arrives in three migrations, each harmless by itself: the column without NOT NULL
(an instant), the rows that are there in batches (008), NOT NULL by way of a validated CHECK (009). The code that
writes the column is released with this one, so that from the second step on no new row lacks it.
"""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("posts", word_count=pw.IntegerField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_fields("posts", "word_count")
