"""Reports on page views: queries on the daily rollups, one statement each. Authors see their own posts.

The numbers are about a minute old. Unique visitors are counted per day: a reader of two days counts twice in a sum (see
`visitors`).
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from peewee import fn

from blog_app.analytics.models import DailyReferrer, DailyView


def posts(views: Any, since: date | None, until: date | None) -> Any:
    """Return the posts viewed between two days (inclusive), each with its `views` and `visitors`."""
    found = (
        _between(views, DailyView, since, until)
        .select(DailyView.post_id, fn.SUM(DailyView.views).alias("views"), fn.SUM(DailyView.visitors).alias("visitors"))
        .group_by(DailyView.post_id)
    )
    return DailyView.select().from_(found.alias("found"))


def referrers(views: Any, since: date | None, until: date | None, post_id: UUID | None) -> Any:
    """Return the referring hosts between two days (inclusive), for one post or all, each with its `views`."""
    chosen = views if post_id is None else views.where(DailyReferrer.post_id == post_id)
    found = (
        _between(chosen, DailyReferrer, since, until)
        .select(DailyReferrer.referrer, fn.SUM(DailyReferrer.views).alias("views"))
        .group_by(DailyReferrer.referrer)
    )
    return DailyReferrer.select().from_(found.alias("found"))


def _between(views: Any, model: Any, since: date | None, until: date | None) -> Any:
    if since:
        views = views.where(model.day >= since)
    return views.where(model.day <= until) if until else views
