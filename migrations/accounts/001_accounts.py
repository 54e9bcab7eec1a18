"""Users, their roles and their API tokens."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class User(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        deleted_at = pw_pext.DateTimeTZField(null=True)
        email = pw.CharField(max_length=254)
        name = pw.CharField(max_length=100)
        password_hash = pw.CharField(max_length=255)
        credentials_version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        status = pw.CharField(max_length=20, constraints=[pw.SQL("DEFAULT 'active'")])

        class Meta:
            table_name = "users"
            schema = "accounts"
            constraints = [
                pw.Check("email = lower(email)", name="users_email_is_lower_case"),
                pw.Check("status IN ('active', 'inactive', 'suspended')", name="users_status_is_known"),
            ]

    migrator.sql("CREATE UNIQUE INDEX users_email ON accounts.users (email) WHERE deleted_at IS NULL")

    @migrator.create_model
    class RoleGrant(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user = pw.ForeignKeyField(
            column_name="user_id", field="id", model=migrator.orm["users"], on_delete="CASCADE", index=False
        )
        role = pw.CharField(max_length=20)
        granted_by = pw.ForeignKeyField(
            column_name="granted_by_id", field="id", model=migrator.orm["users"], null=True, on_delete="SET NULL"
        )

        class Meta:
            table_name = "role_grants"
            schema = "accounts"
            indexes = [(("user", "role"), True)]
            constraints = [
                pw.Check("role IN ('author', 'editor', 'vendor', 'admin')", name="role_grants_role_is_known")
            ]

    @migrator.create_model
    class Token(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user = pw.ForeignKeyField(column_name="user_id", field="id", model=migrator.orm["users"], on_delete="CASCADE")
        token_hash = pw.BlobField(unique=True)
        expires_at = pw_pext.DateTimeTZField()

        class Meta:
            table_name = "tokens"
            schema = "accounts"


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("tokens")

    migrator.remove_model("role_grants")

    migrator.remove_model("users")
