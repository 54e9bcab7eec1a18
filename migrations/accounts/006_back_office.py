"""When users were last seen, and the indexes by which admins find users."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class LastSeen(pw.Model):
        user = pw.ForeignKeyField(
            backref="+",
            column_name="user_id",
            field="id",
            model=migrator.orm["users"],
            on_delete="CASCADE",
            primary_key=True,
        )
        seen_at = pw_pext.DateTimeTZField(index=True)

        class Meta:
            table_name = "last_seen"
            schema = "accounts"

    migrator.add_index_concurrently("users", "lower(email) text_pattern_ops", name="users_email_prefix")
    migrator.add_index_concurrently("users", "to_tsvector('simple', name)", using="gin", name="users_name_words")
    migrator.add_index_concurrently("users", "status", "id", where="status <> 'active'", name="users_rare_status")
    migrator.add_index_concurrently("role_grants", "role", "user_id", name="role_grants_role")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.drop_index_concurrently("role_grants_role")
    migrator.drop_index_concurrently("users_rare_status")
    migrator.drop_index_concurrently("users_name_words")
    migrator.drop_index_concurrently("users_email_prefix")

    migrator.remove_model("last_seen")
