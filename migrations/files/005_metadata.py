"""Metadata of files and folders, with the index by which they are found."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("nodes", metadata=pw_pext.BinaryJSONField(index=False, default={}))
    migrator.add_index_concurrently("nodes", "metadata jsonb_path_ops", using="gin", name="nodes_metadata")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.drop_index_concurrently("nodes_metadata")
    migrator.remove_fields("nodes", "metadata")
