"""The audit trail's entries."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField

from blog_app.analytics.models.base import AnalyticsBase
from blog_app.data.models import TimestampField
from blog_app.permissions import Scope


class AuditEntry(AnalyticsBase):
    """What somebody did. The identifier is that of the event that told it.

    What is of a person is theirs: `actor_id`, `owner_id` (whose the subject is), and a subject that is they themselves.
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
        watermarked = False  # It is read from the primary only, and never kept.

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the entries that someone with this scope may see: what they did or what is theirs, or all."""
        if scope is Scope.ALL:
            return cls.select()
        return cls.select().where((cls.actor_id == user_id) | (cls.owner_id == user_id))


# Sorted by time, whatever they are looked for by.
_TIME = (AuditEntry.happened_at, AuditEntry.id)
AuditEntry.add_index(*_TIME, name="audit_entries_time")
AuditEntry.add_index(AuditEntry.action, *_TIME, name="audit_entries_action")
for _field in (AuditEntry.actor_id, AuditEntry.subject_id, AuditEntry.owner_id):
    AuditEntry.add_index(_field, *_TIME, where=_field.is_null(False), name=f"audit_entries_{_field.name}")
