"""Daily rollups of page views (UTC), which outlive the page views."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.analytics.models.base import AnalyticsBase
from blog_app.permissions import Scope


class DailyPostRow(AnalyticsBase):
    """A rollup row of one post, visible to its author."""

    post_id = peewee.UUIDField()
    author_id = peewee.UUIDField()
    day = peewee.DateField()

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the rows that a caller with this scope may see: those of their own posts, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.author_id == user_id)


class DailyView(DailyPostRow):
    """The views and unique visitors of a post on a day."""

    views = peewee.IntegerField()
    visitors = peewee.IntegerField()

    class Meta:
        table_name = "daily_views"
        primary_key = peewee.CompositeKey("post_id", "day")
        indexes = ((("day",), False), (("author_id", "day"), False))
        watermarked = False


class DailyReferrer(DailyPostRow):
    """The views of a post on a day that came from a referring host."""

    referrer = peewee.CharField(max_length=253)
    views = peewee.IntegerField()

    class Meta:
        table_name = "daily_referrers"
        primary_key = peewee.CompositeKey("day", "post_id", "referrer")
        indexes = ((("author_id", "day"), False), (("post_id", "day"), False))
        watermarked = False


class DailyTotal(AnalyticsBase):
    """The views and unique visitors of all posts on a day: a visitor of several posts counts once."""

    day = peewee.DateField(primary_key=True)
    views = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    visitors = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    stale = peewee.BooleanField(default=False, constraints=[peewee.SQL("DEFAULT false")])
    """Whether page views were stored since the last rollup of the day. The row is the day's lock, too."""

    class Meta:
        table_name = "daily_totals"
        watermarked = False
