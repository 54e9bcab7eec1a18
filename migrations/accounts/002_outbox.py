"""The outbox, the processed events, and the schedule of the jobs."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class Delivery(pw.Model):
        position = pw.BigAutoField()
        event_id = pw.UUIDField()
        name = pw.CharField(max_length=100)
        subject = pw.UUIDField()
        payload = pw.JSONField()
        handler = pw.CharField(max_length=100)
        published_at = pw_pext.DateTimeTZField()
        due_at = pw_pext.DateTimeTZField()
        attempts = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])
        error = pw.TextField(null=True)
        dead_at = pw_pext.DateTimeTZField(null=True)

        class Meta:
            table_name = "outbox"
            schema = "accounts"

    migrator.sql("CREATE INDEX outbox_due ON accounts.outbox (due_at, position) WHERE dead_at IS NULL")
    migrator.sql("CREATE INDEX outbox_order ON accounts.outbox (subject, handler, position) WHERE dead_at IS NULL")

    @migrator.create_model
    class Processed(pw.Model):
        event_id = pw.UUIDField()
        handler = pw.CharField(max_length=100)
        processed_at = pw_pext.DateTimeTZField()

        class Meta:
            table_name = "processed_events"
            schema = "accounts"
            primary_key = pw.CompositeKey("event_id", "handler")

    @migrator.create_model
    class Schedule(pw.Model):
        name = pw.CharField(max_length=100, primary_key=True)
        due_at = pw_pext.DateTimeTZField()
        ended_at = pw_pext.DateTimeTZField(null=True)
        failures = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])
        error = pw.TextField(null=True)

        class Meta:
            table_name = "jobs"
            schema = "accounts"


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("jobs")

    migrator.remove_model("processed_events")

    migrator.remove_model("outbox")
