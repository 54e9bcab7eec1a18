"""Names of categories and tags are unique, whatever their case.

Rows that have the name of an older one are renamed first: the end of their id follows the name. If another such row
is made before the index is there, the build fails and names it: rename it, and run the migration again.

Posts of a renamed tag are still found by its former name.
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    for table, length in (("categories", 80), ("tags", 50)):
        newer = (
            f"EXISTS (SELECT FROM blog.{table} AS o WHERE lower(o.name) = lower({table}.name) AND o.id < {table}.id)"
        )
        renamed = f"left(name, {length - 9}) || ' ' || right(id::text, 8)"
        values = f"name = {renamed}, version = version + 1, updated_at = now()"
        migrator.sql(f"UPDATE blog.{table} SET {values} WHERE {newer}")  # noqa: S608
        migrator.add_index_concurrently(table, "lower(name)", unique=True, name=f"{table}_name")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """Drop the indexes; what was renamed stays so."""
    for table in ("categories", "tags"):
        migrator.drop_index_concurrently(f"{table}_name")
