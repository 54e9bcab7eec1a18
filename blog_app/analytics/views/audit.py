"""Endpoints of the audit trail."""

from __future__ import annotations

from typing import Any

from blog_app.analytics.models import AuditEntry
from blog_app.analytics.schemas.audit import AuditEntrySchema
from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.data import databases

audit_entries = Blueprint("audit_entries", database=databases.analytics, prefix="/audit-entries")


@audit_entries.lists("", AuditEntrySchema)
def list_audit_entries() -> Any:
    """List audit entries, latest first: your actions and those on your objects. Administrators see all.

    An entry appears a second or two after its action.
    """
    return allowed(AuditEntry)
