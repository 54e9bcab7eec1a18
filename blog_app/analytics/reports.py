"""What was viewed. One statement each; authors see what is about their own posts.

The numbers are those of the daily roll-ups, about a minute old. Views of several days add up; visitors do too, so
somebody who came on two days is two (`visitors` says why nobody can tell).
"""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from peewee import fn

from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView


def days() -> Any:
    """Return the days on which anything was viewed."""
    return DailyTotal.select().where(DailyTotal.views > 0)  # A new day is not rolled up yet.


def days_of(views: Any, post_id: UUID) -> Any:
    """Return the days on which a post was viewed, of the `views` that the caller may see."""
    return views.where(DailyView.post_id == post_id)


def posts(views: Any, since: date | None, until: date | None) -> Any:
    """Return the posts that were viewed between two days, both included, with `views` and `visitors` of each."""
    found = (
        _between(views, DailyView, since, until)
        .select(DailyView.post_id, fn.SUM(DailyView.views).alias("views"), fn.SUM(DailyView.visitors).alias("visitors"))
        .group_by(DailyView.post_id)
    )
    return DailyView.select().from_(found.alias("found"))


def referrers(views: Any, since: date | None, until: date | None, post_id: UUID | None) -> Any:
    """Return the hosts from where readers came between two days, to a post or to any, with the `views` of each."""
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
