"""How the cache does."""

from __future__ import annotations

from typing import Any

from blog_app.analytics.schemas.caching import CacheReportSchema
from blog_app.api import Blueprint
from blog_app.data import cache_counters, databases

caching = Blueprint("caching", database=databases.analytics, prefix="/analytics")


@caching.does("GET", "/cache", answers=CacheReportSchema, atomic=False)
def report_cache() -> dict[str, Any]:
    """Report hits, misses, bypasses and fill times of each view, of all processes, in this hour and the 23 before it.

    What happened in the last few seconds may be missing.
    """
    found = cache_counters.report()
    return {
        "status": found.status,
        "since": found.since,
        "total": found.total.described(),
        "views": [{"view": view, **counts.described()} for view, counts in found.views.items()],
    }
