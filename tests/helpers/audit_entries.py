"""Audit entries: pending in the outboxes, and stored."""

from __future__ import annotations

from typing import Any

from blog_app.analytics.models import AuditEntry
from blog_app.background.outbox.tables import DELIVERIES


def pending() -> list[dict[str, Any]]:
    """Return the pending entries, each with its `database`."""
    return [
        {"database": name, **delivery.payload["entry"]}
        for name, table in DELIVERIES.items()
        for delivery in table.select().where(table.name == "action.done").order_by(table.position)
    ]


def discard_pending() -> None:
    """Delete all pending deliveries."""
    for table in DELIVERIES.values():
        table.delete().execute()


def stored() -> list[AuditEntry]:
    """Return the stored entries, oldest first."""
    return list(AuditEntry.select().order_by(AuditEntry.happened_at, AuditEntry.id))
