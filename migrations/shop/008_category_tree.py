"""The parents of product categories."""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("ALTER TABLE shop.product_categories ADD COLUMN parent_id uuid")
    migrator.add_index_concurrently("product_categories", "parent_id", name="product_categories_parent_id")
    migrator.add_foreign_key("product_categories", "parent_id", "product_categories")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.sql("ALTER TABLE shop.product_categories DROP COLUMN parent_id")
