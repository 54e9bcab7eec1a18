"""Stored responses to requests with an Idempotency-Key."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class StoredAnswer(pw.Model):
        user_id = pw.UUIDField()
        key = pw.CharField(max_length=100)
        fingerprint = pw.BlobField()
        status = pw.SmallIntegerField()
        headers = pw.TextField()
        body = pw.BlobField()
        created_at = pw_pext.DateTimeTZField(index=True)

        class Meta:
            table_name = "idempotency_keys"
            schema = "analytics"
            primary_key = pw.CompositeKey("user_id", "key")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("idempotency_keys")
