"""Categories, posts, tags, and the tags of posts."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator

SEARCHED = """GENERATED ALWAYS AS (
    setweight(to_tsvector('english', title), 'A') ||
    setweight(to_tsvector('english', tag_words), 'B') ||
    setweight(to_tsvector('english', left(content_html, 200000)), 'C')
) STORED"""


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
        parent = pw.ForeignKeyField("self", column_name="parent_id", field="id", null=True)

        class Meta:
            table_name = "categories"
            schema = "blog"

    @migrator.create_model
    class Post(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        deleted_at = pw_pext.DateTimeTZField(null=True)
        kind = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'article'")])
        author_id = pw.UUIDField(index=True)
        title = pw.CharField(max_length=150)
        slug = pw.CharField(max_length=180, unique=True)
        content = pw.TextField()
        content_format = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'markdown'")])
        content_html = pw.TextField()
        summary = pw.TextField()
        status = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'draft'")])
        published_at = pw_pext.DateTimeTZField(null=True)
        category = pw.ForeignKeyField(
            column_name="category_id", field="id", model=migrator.orm["categories"], null=True, on_delete="SET NULL"
        )
        metadata = pw_pext.BinaryJSONField(index=False, constraints=[pw.SQL("DEFAULT '{}'")])
        excerpt = pw.TextField(null=True)
        reading_time = pw.IntegerField(null=True)
        url = pw.TextField(null=True)
        duration = pw.IntegerField(null=True)
        tag_words = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])
        search = pw_pext.TSVectorField(null=True, constraints=[pw.SQL(SEARCHED)])

        class Meta:
            table_name = "posts"
            schema = "blog"
            indexes = [(("published_at", "id"), False)]
            constraints = [
                pw.Check("kind IN ('article', 'video')", name="posts_kind_is_known"),
                pw.Check("kind <> 'video' OR url IS NOT NULL", name="posts_videos_have_a_url"),
                pw.Check("content_format IN ('markdown', 'html')", name="posts_format_is_known"),
                pw.Check("status IN ('draft', 'published', 'archived')", name="posts_status_is_known"),
                pw.Check("status <> 'published' OR published_at IS NOT NULL", name="posts_published_has_a_time"),
            ]

    # Titles by prefix, ignoring case.
    migrator.sql("CREATE INDEX posts_title_prefix ON blog.posts (lower(title) text_pattern_ops)")

    # Posts of the rare kinds, newest first.
    migrator.sql("CREATE INDEX posts_rare_kinds ON blog.posts (published_at, id) WHERE kind <> 'article'")

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
        tag = pw.ForeignKeyField(
            index=False, column_name="tag_id", field="id", model=migrator.orm["tags"], on_delete="CASCADE"
        )

        class Meta:
            table_name = "post_tags"
            schema = "blog"
            indexes = [(("tag", "post"), False)]
            primary_key = pw.CompositeKey("post", "tag")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("post_tags")

    migrator.remove_model("tags")

    migrator.remove_model("posts")

    migrator.remove_model("categories")
