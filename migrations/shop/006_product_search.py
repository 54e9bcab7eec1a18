"""Soft deletion of products, the currency of orders, and the indexes by which products are found.

Metadata stay JSON: the index is on their JSONB form, so the table is not rewritten.
"""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator

atomic = False

METADATA = "(metadata::jsonb) jsonb_path_ops"
NAME, DESCRIPTION = (f"to_tsvector('english', {column})" for column in ("name", "description"))


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("products", deleted_at=pw_pext.DateTimeTZField(null=True))
    migrator.add_fields("orders", currency=pw.CharField(max_length=3, null=True))
    migrator.add_index_concurrently(
        "products", "(metadata::jsonb) jsonb_path_ops", using="gin", name="products_metadata"
    )
    migrator.add_index_concurrently(
        "products",
        f"(setweight({NAME}, 'A') || setweight({DESCRIPTION}, 'C'))",
        using="gin",
        name="products_text",
    )
    migrator.add_index_concurrently("products", "price", "id", name="products_price")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.drop_index_concurrently("products_price")
    migrator.drop_index_concurrently("products_text")
    migrator.drop_index_concurrently("products_metadata")
    migrator.remove_fields("orders", "currency")
    migrator.remove_fields("products", "deleted_at")
