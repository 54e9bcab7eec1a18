"""What the outboxes hold of the audit trail, and what has arrived of it."""

from __future__ import annotations

from typing import Any

from blog_app.analytics.models import AuditEntry
from blog_app.background.outbox.tables import DELIVERIES


def waiting() -> list[dict[str, Any]]:
    """Return the entries that wait to be delivered, each with its `database`."""
    return [
        {"database": name, **delivery.payload["entry"]}
        for name, table in DELIVERIES.items()
        for delivery in table.select().where(table.name == "action.done").order_by(table.position)
    ]


def discard() -> None:
    """Forget what waits to be delivered."""
    for table in DELIVERIES.values():
        table.delete().execute()


def arrived() -> list[AuditEntry]:
    """Return the entries that have arrived, the oldest first."""
    return list(AuditEntry.select().order_by(AuditEntry.happened_at, AuditEntry.id))
