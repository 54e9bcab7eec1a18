"""Folders, files and their contents."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Chunk(pw.Model):
        sha256 = pw.CharField(primary_key=True, max_length=64)
        data = pw.BlobField()

        class Meta:
            table_name = "chunks"
            schema = "files"
            constraints = [
                pw.Check("sha256 = encode(sha256(data), 'hex')", name="chunks_are_what_they_are_called"),
            ]

    # Most files are compressed already; a second compression would cost more than it saves.
    migrator.sql("ALTER TABLE files.chunks ALTER COLUMN data SET STORAGE EXTERNAL")

    @migrator.create_model
    class Content(pw.Model):
        sha256 = pw.CharField(primary_key=True, max_length=64)
        size = pw.BigIntegerField()
        created_at = pw_pext.DateTimeTZField()
        unused_since = pw_pext.DateTimeTZField(null=True, index=True)

        class Meta:
            table_name = "contents"
            schema = "files"

    @migrator.create_model
    class Drive(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        owner_id = pw.UUIDField(unique=True)
        closes_at = pw_pext.DateTimeTZField(null=True, index=True)

        class Meta:
            table_name = "drives"
            schema = "files"

    @migrator.create_model
    class Node(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        deleted_at = pw_pext.DateTimeTZField(null=True)
        owner_id = pw.UUIDField()
        kind = pw.CharField(max_length=10)
        parent = pw.ForeignKeyField("self", on_delete="SET NULL", null=True, index=False)
        name = pw.CharField(max_length=255)
        path = pw.TextField()
        key = pw.TextField()
        content = pw.ForeignKeyField(migrator.orm["contents"], on_delete="RESTRICT", null=True, column_name="sha256")
        size = pw.BigIntegerField(null=True)
        media_type = pw.CharField(max_length=100, null=True)
        trashed_with = pw.UUIDField(null=True)

        class Meta:
            table_name = "nodes"
            schema = "files"
            indexes = [
                (("parent", "owner_id"), False),
                (("owner_id", "id"), False),
            ]
            constraints = [
                pw.Check("kind IN ('folder', 'file')", name="nodes_kind_is_known"),
                pw.Check("name NOT IN ('', '.', '..') AND name !~ '[/\\\\\\x01-\\x1f\\x7f]'", name="nodes_name_is_one"),
                pw.Check("octet_length(path) <= 2000 AND octet_length(key) <= 2000", name="nodes_path_is_not_too_long"),
                pw.Check(
                    "char_length(path) - char_length(replace(path, '/', '')) <= 64", name="nodes_are_not_too_deep"
                ),
                pw.Check(
                    "(kind = 'file') = (sha256 IS NOT NULL AND size IS NOT NULL AND media_type IS NOT NULL)",
                    name="nodes_files_have_content",
                ),
                pw.Check("(deleted_at IS NULL) = (trashed_with IS NULL)", name="nodes_trash_is_complete"),
            ]

    migrator.sql(
        "CREATE UNIQUE INDEX nodes_place ON files.nodes (owner_id, key text_pattern_ops) WHERE deleted_at IS NULL"
    )
    migrator.sql("CREATE INDEX nodes_trashed_with ON files.nodes (trashed_with) WHERE deleted_at IS NOT NULL")

    @migrator.create_model
    class Part(pw.Model):
        content = pw.ForeignKeyField(migrator.orm["contents"], on_delete="RESTRICT", index=False, column_name="content")
        position = pw.BigIntegerField()
        chunk = pw.ForeignKeyField(migrator.orm["chunks"], on_delete="RESTRICT", column_name="chunk")

        class Meta:
            table_name = "parts"
            schema = "files"
            primary_key = pw.CompositeKey("content", "position")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("parts")

    migrator.remove_model("nodes")

    migrator.remove_model("drives")

    migrator.remove_model("contents")

    migrator.remove_model("chunks")
