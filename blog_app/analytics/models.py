"""The tables of analytics: audit entries, page views with the salts of visitor hashes, and daily rollups."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField

from blog_app.data import databases
from blog_app.data.models import Base, TimestampField
from blog_app.permissions import Scope


class AnalyticsBase(Base):
    """A row of the analytics database. It has no version, because facts do not change."""

    class Meta:
        database = databases.analytics
        schema = "analytics"


class AuditEntry(AnalyticsBase):
    """An audit entry: an actor's action on a subject, and its changes. Its id is that of its outbox event.

    The personal data in it are `actor_id`, `owner_id` (the subject's owner), and `subject_id` if the subject is a user.
    """

    id = peewee.UUIDField(primary_key=True)
    happened_at = TimestampField()
    actor_type = peewee.CharField(max_length=20)
    actor_id = peewee.UUIDField(null=True)
    actor_name = peewee.CharField(max_length=100, null=True)
    action = peewee.CharField(max_length=100)
    subject_type = peewee.CharField(max_length=100, null=True)
    subject_id = peewee.UUIDField(null=True)
    owner_id = peewee.UUIDField(null=True)
    changes = BinaryJSONField(index=False)
    request_id = peewee.CharField(max_length=64, null=True)

    class Meta:
        table_name = "audit_entries"
        watermarked = False  # It is read from the primary only, and never cached.

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the entries that a caller with this scope may see: their actions, those on their objects, or all."""
        if scope is Scope.ALL:
            return cls.select()
        return cls.select().where((cls.actor_id == user_id) | (cls.owner_id == user_id))


# Every list is sorted by time, whatever the filter.
_TIME = (AuditEntry.happened_at, AuditEntry.id)
AuditEntry.add_index(*_TIME, name="audit_entries_time")
AuditEntry.add_index(AuditEntry.action, *_TIME, name="audit_entries_action")
for _field in (AuditEntry.actor_id, AuditEntry.subject_id, AuditEntry.owner_id):
    AuditEntry.add_index(_field, *_TIME, where=_field.is_null(False), name=f"audit_entries_{_field.name}")


class PageView(AnalyticsBase):
    """An anonymous view of a post.

    The id is made when the view is counted. Id and time are the primary key, so a row cannot be stored twice.
    """

    id = peewee.UUIDField()
    viewed_at = TimestampField()
    post_id = peewee.UUIDField()
    author_id = peewee.UUIDField()
    referrer = peewee.CharField(max_length=253, null=True)
    """The referring host; null if unknown or the blog's own."""
    visitor = peewee.BlobField(null=True)
    """The visitor hash (see `visitors`)."""

    class Meta:
        table_name = "page_views"
        primary_key = peewee.CompositeKey("viewed_at", "id")
        table_settings = "PARTITION BY RANGE (viewed_at)"
        watermarked = False  # Nothing that is cached or read from a replica depends on it.


class VisitorSalt(AnalyticsBase):
    """The salt of a day (see `visitors`)."""

    day = peewee.DateField(primary_key=True)
    salt = peewee.BlobField()

    class Meta:
        table_name = "visitor_salts"
        watermarked = False
        fleeting = True  # Not in dumps, where it would outlive its day.


class DailyPostRow(AnalyticsBase):
    """A rollup row of one post, visible to its author."""

    post_id = peewee.UUIDField()
    author_id = peewee.UUIDField()
    day = peewee.DateField()

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the rows that a caller with this scope may see: those of their own posts, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.author_id == user_id)


class DailyView(DailyPostRow):
    """The views and unique visitors of a post on a day."""

    views = peewee.IntegerField()
    visitors = peewee.IntegerField()

    class Meta:
        table_name = "daily_views"
        primary_key = peewee.CompositeKey("post_id", "day")
        indexes = ((("day",), False), (("author_id", "day"), False))
        watermarked = False


class DailyReferrer(DailyPostRow):
    """The views of a post on a day that came from a referring host."""

    referrer = peewee.CharField(max_length=253)
    views = peewee.IntegerField()

    class Meta:
        table_name = "daily_referrers"
        primary_key = peewee.CompositeKey("day", "post_id", "referrer")
        indexes = ((("author_id", "day"), False), (("post_id", "day"), False))
        watermarked = False


class DailyTotal(AnalyticsBase):
    """The views and unique visitors of all posts on a day: a visitor of several posts counts once."""

    day = peewee.DateField(primary_key=True)
    views = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    visitors = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    stale = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT false")])
    """Whether page views were stored since the last rollup of the day. The row is the day's lock, too."""

    class Meta:
        table_name = "daily_totals"
        watermarked = False
