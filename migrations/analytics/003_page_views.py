"""Page views, in monthly partitions that the worker creates, and their daily rollups."""

import peewee as pw
import playhouse.postgres_ext as pw_pext
from peewee_migrate import Migrator


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    @migrator.create_model
    class DailyReferrer(pw.Model):
        post_id = pw.UUIDField()
        author_id = pw.UUIDField()
        day = pw.DateField()
        referrer = pw.CharField(max_length=253)
        views = pw.IntegerField()

        class Meta:
            table_name = "daily_referrers"
            schema = "analytics"
            primary_key = pw.CompositeKey("day", "post_id", "referrer")
            indexes = [
                (("author_id", "day"), False),
                (("post_id", "day"), False),
            ]

    @migrator.create_model
    class DailyTotal(pw.Model):
        day = pw.DateField(primary_key=True)
        views = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])
        visitors = pw.IntegerField(constraints=[pw.SQL("DEFAULT 0")])
        stale = pw.BooleanField(constraints=[pw.SQL("DEFAULT false")])

        class Meta:
            table_name = "daily_totals"
            schema = "analytics"

    @migrator.create_model
    class DailyView(pw.Model):
        post_id = pw.UUIDField()
        author_id = pw.UUIDField()
        day = pw.DateField()
        views = pw.IntegerField()
        visitors = pw.IntegerField()

        class Meta:
            table_name = "daily_views"
            schema = "analytics"
            primary_key = pw.CompositeKey("post_id", "day")
            indexes = [
                (("day",), False),
                (("author_id", "day"), False),
            ]

    @migrator.create_model
    class PageView(pw.Model):
        id = pw.UUIDField()
        viewed_at = pw_pext.DateTimeTZField()
        post_id = pw.UUIDField()
        author_id = pw.UUIDField()
        referrer = pw.CharField(max_length=253, null=True)
        visitor = pw.BlobField(null=True)

        class Meta:
            table_name = "page_views"
            schema = "analytics"
            primary_key = pw.CompositeKey("viewed_at", "id")
            table_settings = "PARTITION BY RANGE (viewed_at)"

    @migrator.create_model
    class VisitorSalt(pw.Model):
        day = pw.DateField(primary_key=True)
        salt = pw.BlobField()

        class Meta:
            table_name = "visitor_salts"
            schema = "analytics"


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.remove_model("visitor_salts")
    migrator.remove_model("page_views")
    migrator.remove_model("daily_views")
    migrator.remove_model("daily_totals")
    migrator.remove_model("daily_referrers")
