"""The entries of the audit trail."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField

from blog_app.analytics.models.base import AnalyticsBase
from blog_app.data.models import TimestampField
from blog_app.permissions import Scope


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
