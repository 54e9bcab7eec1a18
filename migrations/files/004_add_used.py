"""The storage that each drive uses, in bytes.

The code that is released with this migration counts an existing drive when it next locks it. Processes of the previous
release do not update the total: what they store in a drive after that is not counted.
"""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("drives", used=pw.BigIntegerField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_fields("drives", "used")
