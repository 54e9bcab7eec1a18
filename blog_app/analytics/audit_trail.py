"""Storing the audit trail: audit entries arrive through the outbox, and are anonymized when their people leave.

An entry refers only to people who have an account. A user who leaves is removed from all stored entries, and from those
that arrive later; what was done, when, and to which object, stays. None is missed: storing entries takes a shared
advisory lock and then looks up whose accounts still exist; anonymizing takes the same lock exclusively. A restored
account starts with an empty trail.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from blog_app.accounts import directory
from blog_app.analytics.models import AuditEntry
from blog_app.background import jobs
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.background.outbox.tables import to_json
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.data.models import now

BATCH_SIZE = 500
MAX_ROWS = 10_000
"""Of one statement, which has a timeout."""
LOCK = "SELECT pg_advisory_xact_lock{}(hashtext('blog_app.analytics.audit_trail'))"
COLUMNS = ", ".join(field.column_name for field in AuditEntry._meta.sorted_fields)
STORE = DeclaredSQL(f"""
    INSERT INTO analytics.audit_entries ({COLUMNS})
    SELECT {COLUMNS} FROM jsonb_populate_recordset(NULL::analytics.audit_entries, %s)
        ON CONFLICT DO NOTHING
""")  # noqa: S608 (the columns are the model's)
ANONYMIZE = DeclaredSQL("""
    UPDATE analytics.audit_entries
       SET actor_id = nullif(actor_id, %(person)s),
           subject_id = nullif(subject_id, %(person)s),
           owner_id = nullif(owner_id, %(person)s),
           changes = CASE WHEN owner_id = %(person)s THEN '{}' ELSE changes END
     WHERE id IN (SELECT id FROM analytics.audit_entries
                   WHERE actor_id = %(person)s OR subject_id = %(person)s OR owner_id = %(person)s
                   LIMIT %(limit)s)
""")


@event_handler("action.done", databases.analytics, batch=BATCH_SIZE)
def store_audit_entries(events: Sequence[Event]) -> None:
    """Store audit entries."""
    databases.analytics.execute_sql(LOCK.format("_shared"))
    entries = [{"id": event.id, "happened_at": event.published_at, **event.payload["entry"]} for event in events]
    databases.analytics.execute_sql(STORE, (to_json(entries),))
    people = {entry[name] for entry in entries for name in ("actor_id", "owner_id") if entry[name]}
    for person in people - directory.existing_ids(list(people)):
        _anonymize(person)


@event_handler("user.left", databases.analytics)
def forget_in_audit_trail(event: Event) -> None:
    """Remove a user who left from the audit trail, with the changes of objects that they owned."""
    databases.analytics.execute_sql(LOCK.format(""))
    _anonymize(str(event.subject))


@jobs.every(timedelta(days=1), databases.analytics)
def delete_old_audit_entries() -> bool:
    """Delete a batch of the entries that are older than AUDIT_DAYS; return whether more are left."""
    days = settings().audit_days
    if not days:
        return False
    old = AuditEntry.select(AuditEntry.id).where(AuditEntry.happened_at < now() - timedelta(days=days))
    batch = old.order_by(AuditEntry.happened_at).limit(MAX_ROWS)
    return bool(AuditEntry.delete().where(AuditEntry.id.in_(batch)).execute() == MAX_ROWS)


def _anonymize(person: str) -> None:
    while databases.analytics.execute_sql(ANONYMIZE, {"person": person, "limit": MAX_ROWS}).rowcount == MAX_ROWS:
        pass
