"""How many bytes each drive has in use.

A drive that is there already is counted when it is locked next, by the code that is released with this one. Processes
of the release before keep no total: what they still store in a drive that was counted a moment ago does not count.
"""

import peewee as pw
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("drives", used=pw.BigIntegerField(null=True))


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_fields("drives", "used")
