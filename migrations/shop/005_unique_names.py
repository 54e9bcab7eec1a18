"""Names of product categories are unique, whatever their case.

Rows that have the name of an older one are renamed first: the end of their id follows the name. If another such row
is made before the index is there, the build fails and names it: rename it, and run the migration again.
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    for table, length in (("product_categories", 80),):
        older = f"SELECT FROM shop.{table} AS older WHERE lower(older.name) = lower({table}.name)"
        migrator.backfill(
            table,
            f"name = left(name, {length - 9}) || ' ' || right(id::text, 8), version = version + 1, updated_at = now()",
            where=f"EXISTS ({older} AND older.id < {table}.id)",
        )
        migrator.add_index_concurrently(table, "lower(name)", unique=True, name=f"{table}_name")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """Drop the indexes; what was renamed stays so."""
    migrator.drop_index_concurrently("product_categories_name")
