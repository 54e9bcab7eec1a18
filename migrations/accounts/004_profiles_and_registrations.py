"""Profiles, registrations that wait for the confirmation of their e-mail address, and throttled attempts."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Profile(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField()
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        user = pw.ForeignKeyField(
            column_name="user_id", field="id", model=migrator.orm["users"], on_delete="CASCADE", unique=True
        )
        display_name = pw.CharField(max_length=100, null=True)
        bio = pw.TextField(constraints=[pw.SQL("DEFAULT ''")])
        website = pw.CharField(max_length=2000, null=True)
        avatar_url = pw.CharField(max_length=2000, null=True)
        social_links = pw_pext.BinaryJSONField(index=False, constraints=[pw.SQL("DEFAULT '{}'")])

        class Meta:
            table_name = "profiles"
            schema = "accounts"
            constraints = [
                pw.Check("website ~* '^https?://'", name="profiles_website_is_http"),
                pw.Check("avatar_url ~* '^https?://'", name="profiles_avatar_url_is_http"),
                pw.Check("jsonb_typeof(social_links) = 'object'", name="profiles_social_links_is_object"),
            ]

    @migrator.create_model
    class Registration(pw.Model):
        id = pw.UUIDField(primary_key=True)
        created_at = pw_pext.DateTimeTZField(index=True)
        updated_at = pw_pext.DateTimeTZField()
        version = pw.IntegerField(constraints=[pw.SQL("DEFAULT 1")])
        email = pw.CharField(max_length=254)
        name = pw.CharField(max_length=100)
        password_hash = pw.CharField(max_length=255)

        class Meta:
            table_name = "registrations"
            schema = "accounts"

    @migrator.create_model
    class Attempt(pw.Model):
        key = pw.BlobField(primary_key=True)
        attempts = pw.IntegerField()
        tried_at = pw_pext.DateTimeTZField(index=True)
        wait_until = pw_pext.DateTimeTZField()

        class Meta:
            table_name = "attempts"
            schema = "accounts"


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("attempts")

    migrator.remove_model("registrations")

    migrator.remove_model("profiles")
