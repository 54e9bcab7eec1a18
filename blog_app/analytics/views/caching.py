"""Endpoint of the cache report."""

from __future__ import annotations

from typing import Any

from blog_app.analytics.schemas.caching import CacheReportSchema
from blog_app.api import Blueprint
from blog_app.data import cache_counters, databases

caching = Blueprint("caching", database=databases.analytics, prefix="/analytics")


@caching.computes("/cache", CacheReportSchema)
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
