"""Revisions and former slugs of posts; their likes and counters."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Revision(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        post = pw.ForeignKeyField(
            index=False, column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE"
        )
        number = pw.IntegerField()
        title = pw.CharField(max_length=150)
        content = pw.TextField()
        content_format = pw.CharField(max_length=20)
        author_id = pw.UUIDField()
        written_at = pw_pext.DateTimeTZField()
        replaced_by = pw.UUIDField()

        class Meta:
            table_name = "revisions"
            schema = "blog"
            indexes = [(("post", "number"), True)]

    @migrator.create_model
    class FormerSlug(pw.Model):
        slug = pw.CharField(max_length=180, primary_key=True)
        post = pw.ForeignKeyField(column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE")
        created_at = pw_pext.DateTimeTZField()

        class Meta:
            table_name = "former_slugs"
            schema = "blog"

    @migrator.create_model
    class Like(pw.Model):
        post = pw.ForeignKeyField(
            index=False, column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE"
        )
        user_id = pw.UUIDField(index=True)
        created_at = pw_pext.DateTimeTZField()

        class Meta:
            table_name = "likes"
            schema = "blog"
            primary_key = pw.CompositeKey("post", "user_id")

    @migrator.create_model
    class PostCounters(pw.Model):
        post = pw.ForeignKeyField(
            column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE", primary_key=True
        )
        views = pw.BigIntegerField(constraints=[pw.SQL("DEFAULT 0")])
        likes = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])

        class Meta:
            table_name = "post_counters"
            schema = "blog"
            constraints = [pw.Check("views >= 0 AND likes >= 0", name="post_counters_are_not_negative")]


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("post_counters")

    migrator.remove_model("likes")

    migrator.remove_model("former_slugs")

    migrator.remove_model("revisions")
