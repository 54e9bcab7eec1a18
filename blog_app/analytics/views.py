"""The endpoints of the audit trail, of page view reports, and of the cache report."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from blog_app.analytics import reports, schemas
from blog_app.analytics.models import AuditEntry, DailyReferrer, DailyTotal, DailyView
from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.data import cache_counters, databases

audit_entries = Blueprint("audit_entries", database=databases.analytics, prefix="/audit-entries")
page_views = Blueprint("page_views", database=databases.analytics, prefix="/analytics")
caching = Blueprint("caching", database=databases.analytics, prefix="/analytics")


@audit_entries.lists("", schemas.AuditEntrySchema)
def list_audit_entries() -> Any:
    """List audit entries, latest first: your actions and those on your objects. Admins see all.

    An entry appears a second or two after its action.
    """
    return allowed(AuditEntry)


@page_views.lists("/days", schemas.DayViewsSchema)
def report_viewed_days() -> Any:
    """Report views and unique visitors by day, latest first. The numbers are about a minute old."""
    return DailyTotal.select().where(DailyTotal.views > 0)  # A new day has none until it is rolled up.


@page_views.lists("/posts", schemas.PostViewsSchema, parameters=schemas.RangeParameters)
def report_viewed_posts(since: date | None, until: date | None) -> Any:
    """Report the most viewed posts. Authors see their own posts."""
    return reports.posts(allowed(DailyView), since, until)


@page_views.lists("/posts/<uuid:post_id>/days", schemas.PostDayViewsSchema)
def report_days_of_post(post_id: UUID) -> Any:
    """Report views and unique visitors of a post by day, latest first. Authors see their own posts."""
    return allowed(DailyView).where(DailyView.post_id == post_id)


@page_views.lists("/referrers", schemas.ReferrerSchema, parameters=schemas.ReferrerParameters)
def report_referrers(since: date | None, until: date | None, post_id: UUID | None) -> Any:
    """Report the referring hosts, most views first. Authors see those of their own posts."""
    return reports.referrers(allowed(DailyReferrer), since, until, post_id)


@caching.computes("/cache", schemas.CacheReportSchema)
def report_cache() -> dict[str, Any]:
    """Report cache hits, misses, bypasses and fill times by view, for the last 24 hours.

    Covers all processes. The last few seconds may be missing.
    """
    report = cache_counters.report()
    return {
        "status": report.status,
        "since": report.since,
        "total": report.total.described(),
        "views": [{"view": view, **counts.described()} for view, counts in report.views.items()],
    }
