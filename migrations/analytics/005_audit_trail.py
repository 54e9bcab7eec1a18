"""The audit trail."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class AuditEntry(pw.Model):
        id = pw.UUIDField(primary_key=True)
        happened_at = pw_pext.DateTimeTZField()
        actor_type = pw.CharField(max_length=20)
        actor_id = pw.UUIDField(null=True)
        actor_name = pw.CharField(max_length=100, null=True)
        action = pw.CharField(max_length=100)
        subject_type = pw.CharField(max_length=100, null=True)
        subject_id = pw.UUIDField(null=True)
        owner_id = pw.UUIDField(null=True)
        changes = pw_pext.BinaryJSONField(index=False)
        request_id = pw.CharField(max_length=64, null=True)

        class Meta:
            table_name = "audit_entries"
            schema = "analytics"

    migrator.sql("CREATE INDEX audit_entries_time ON analytics.audit_entries (happened_at, id)")
    for name in ("actor_id", "subject_id", "owner_id"):
        migrator.sql(
            f"CREATE INDEX audit_entries_{name} ON analytics.audit_entries ({name}, happened_at, id) "
            f"WHERE {name} IS NOT NULL"
        )
    migrator.sql("CREATE INDEX audit_entries_action ON analytics.audit_entries (action, happened_at, id)")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("audit_entries")
