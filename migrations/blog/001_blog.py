"""Categories, tags and posts."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Category(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        name = pw.CharField(max_length=80)
        slug = pw.CharField(max_length=100, unique=True)
        description = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])

        class Meta:
            table_name = "categories"
            schema = "blog"

    @migrator.create_model
    class Post(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        author_id = pw.UUIDField(index=True)
        title = pw.CharField(max_length=150)
        slug = pw.CharField(max_length=180, unique=True)
        content = pw.TextField()
        status = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'draft'")])
        published_at = pw_pext.DateTimeTZField(null=True)
        category = pw.ForeignKeyField(
            column_name="category_id", field="id", model=migrator.orm["categories"], null=True, on_delete="SET NULL"
        )

        class Meta:
            table_name = "posts"
            schema = "blog"
            indexes = [(("status", "published_at", "id"), False)]
            constraints = [
                pw.Check("status IN ('draft', 'published', 'archived')", name="posts_status_is_known"),
                pw.Check("status <> 'published' OR published_at IS NOT NULL", name="posts_published_has_a_time"),
            ]

    @migrator.create_model
    class Tag(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        name = pw.CharField(max_length=50)
        slug = pw.CharField(max_length=60, unique=True)

        class Meta:
            table_name = "tags"
            schema = "blog"

    @migrator.create_model
    class PostTag(pw.Model):
        post = pw.ForeignKeyField(
            index=False, column_name="post_id", field="id", model=migrator.orm["posts"], on_delete="CASCADE"
        )
        tag = pw.ForeignKeyField(column_name="tag_id", field="id", model=migrator.orm["tags"], on_delete="CASCADE")

        class Meta:
            table_name = "post_tags"
            schema = "blog"
            primary_key = pw.CompositeKey("post", "tag")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("post_tags")

    migrator.remove_model("tags")

    migrator.remove_model("posts")

    migrator.remove_model("categories")
