"""Keeping the audit trail: entries arrive by the outbox, and those of people who leave lose the person.

An entry names only people who have an account. Whoever leaves is taken out of all entries that are here, and out of
those that arrive later; what was done, when, and to which object, stays. None is missed: who stores entries holds a
lock for which who forgets a person waits, and having it asks who is still a member. Somebody whose account is restored
begins with an empty trail.
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

BATCH = 500
MOST_AT_ONCE = 10_000
"""Entries in one statement, which has a time limit."""
LOCK = "SELECT pg_advisory_xact_lock{}(hashtext('blog_app.analytics.audit_trail'))"
COLUMNS = ", ".join(field.column_name for field in AuditEntry._meta.sorted_fields)
STORE = DeclaredSQL(f"""
    INSERT INTO analytics.audit_entries ({COLUMNS})
    SELECT {COLUMNS} FROM jsonb_populate_recordset(NULL::analytics.audit_entries, %s)
        ON CONFLICT DO NOTHING
""")  # noqa: S608 (the columns are the model's)
FORGET = DeclaredSQL("""
    UPDATE analytics.audit_entries
       SET actor_id = nullif(actor_id, %(person)s),
           subject_id = nullif(subject_id, %(person)s),
           owner_id = nullif(owner_id, %(person)s),
           changes = CASE WHEN owner_id = %(person)s THEN '{}' ELSE changes END
     WHERE id IN (SELECT id FROM analytics.audit_entries
                   WHERE actor_id = %(person)s OR subject_id = %(person)s OR owner_id = %(person)s
                   LIMIT %(most)s)
""")


@event_handler("action.done", databases.analytics, batch=BATCH)
def store_audit_entries(events: Sequence[Event]) -> None:
    """Add what was done to the audit trail."""
    databases.analytics.execute_sql(LOCK.format("_shared"))
    entries = [{"id": event.id, "happened_at": event.published_at, **event.payload["entry"]} for event in events]
    databases.analytics.execute_sql(STORE, (to_json(entries),))
    people = {entry[name] for entry in entries for name in ("actor_id", "owner_id") if entry[name]}
    for person in people - directory.existing(list(people)):
        _forget(person)


@event_handler("user.left", databases.analytics)
def forget_in_audit_trail(event: Event) -> None:
    """Take a user who left out of the audit trail, and with them what it tells of what was theirs."""
    databases.analytics.execute_sql(LOCK.format(""))
    _forget(str(event.subject))


@jobs.every(timedelta(days=1), databases.analytics)
def delete_old_audit_entries() -> bool:
    """Delete the oldest entries that are not to be kept any longer, a batch of them; return whether there are more."""
    days = settings().audit_days
    if not days:
        return False
    old = AuditEntry.select(AuditEntry.id).where(AuditEntry.happened_at < now() - timedelta(days=days))
    batch = old.order_by(AuditEntry.happened_at).limit(MOST_AT_ONCE)
    return bool(AuditEntry.delete().where(AuditEntry.id.in_(batch)).execute() == MOST_AT_ONCE)


def _forget(person: str) -> None:
    more = True
    while more:
        done = databases.analytics.execute_sql(FORGET, {"person": person, "most": MOST_AT_ONCE}).rowcount
        more = done == MOST_AT_ONCE
