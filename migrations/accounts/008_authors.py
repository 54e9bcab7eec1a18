"""The public pages of authors. The worker makes the rows of those who are authors already, with its first count."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Author(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user = pw.ForeignKeyField(
            backref="+",
            column_name="user_id",
            field="id",
            model=migrator.orm["users"],
            on_delete="CASCADE",
            unique=True,
        )
        slug = pw.CharField(max_length=120, unique=True)
        posts = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])

        class Meta:
            table_name = "authors"
            schema = "accounts"
            indexes = [(("posts", "user"), False)]


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("authors")
