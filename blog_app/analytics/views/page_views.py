"""What was viewed: by day, by post, and where readers came from."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from blog_app.analytics import reports
from blog_app.analytics.models import DailyReferrer, DailyView
from blog_app.analytics.schemas.reports import (
    DayViewsSchema,
    PostDayViewsSchema,
    PostViewsSchema,
    RangeParameters,
    ReferrerParameters,
    ReferrerSchema,
)
from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.data import databases

page_views = Blueprint("page_views", database=databases.analytics, prefix="/analytics")


@page_views.lists("/days", DayViewsSchema)
def report_viewed_days() -> Any:
    """Report the views and visitors of each day, the latest first; about a minute old."""
    return reports.days()


@page_views.lists("/posts", PostViewsSchema, parameters=RangeParameters)
def report_viewed_posts(since: date | None, until: date | None) -> Any:
    """Report what was viewed most; authors see their own posts."""
    return reports.posts(allowed(DailyView), since, until)


@page_views.lists("/posts/<uuid:post_id>/days", PostDayViewsSchema)
def report_days_of_post(post_id: UUID) -> Any:
    """Report the views and visitors of a post by day, the latest first; none for a post of somebody else."""
    return reports.days_of(allowed(DailyView), post_id)


@page_views.lists("/referrers", ReferrerSchema, parameters=ReferrerParameters)
def report_referrers(since: date | None, until: date | None, post_id: UUID | None) -> Any:
    """Report from which hosts readers came, the commonest first; to authors, those that came to their own posts."""
    return reports.referrers(allowed(DailyReferrer), since, until, post_id)
