"""Images of posts, and comments on posts and images."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Image(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        post = pw.ForeignKeyField(column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE")
        url = pw.TextField()
        caption = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])
        alt_text = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])

        class Meta:
            table_name = "images"
            schema = "blog"

    @migrator.create_model
    class Comment(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        deleted_at = pw_pext.DateTimeTZField(null=True)
        subject_type = pw.CharField(max_length=20)
        subject_id = pw.UUIDField()
        parent = pw.ForeignKeyField("self", column_name="parent_id", field="id", null=True)
        author_id = pw.UUIDField(index=True)
        content = pw.TextField()
        content_html = pw.TextField()
        status = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'pending'")])

        class Meta:
            table_name = "comments"
            schema = "blog"
            indexes = [(("subject_id", "id"), False), (("status", "id"), False)]
            constraints = [
                pw.Check("subject_type IN ('post', 'image')", name="comments_subject_is_known"),
                pw.Check("status IN ('pending', 'approved', 'spam')", name="comments_status_is_known"),
            ]


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("comments")

    migrator.remove_model("images")
