"""Endpoints of page view reports: by day, by post and by referrer."""

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
    """Report views and unique visitors by day, latest first. The numbers are about a minute old."""
    return reports.days()


@page_views.lists("/posts", PostViewsSchema, parameters=RangeParameters)
def report_viewed_posts(since: date | None, until: date | None) -> Any:
    """Report the most viewed posts. Authors see their own posts."""
    return reports.posts(allowed(DailyView), since, until)


@page_views.lists("/posts/<uuid:post_id>/days", PostDayViewsSchema)
def report_days_of_post(post_id: UUID) -> Any:
    """Report views and unique visitors of a post by day, latest first. Authors see their own posts."""
    return reports.days_of(allowed(DailyView), post_id)


@page_views.lists("/referrers", ReferrerSchema, parameters=ReferrerParameters)
def report_referrers(since: date | None, until: date | None, post_id: UUID | None) -> Any:
    """Report the referring hosts, most views first. Authors see those of their own posts."""
    return reports.referrers(allowed(DailyReferrer), since, until, post_id)
