"""Schemas of page view reports."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, String
from blog_app.api.resources.includes import from_directory
from blog_app.blog import directory
from blog_app.data.models import subquery_column


class DayViewsSchema(Schema):
    """The views and unique visitors of all posts on a day (UTC)."""

    class Meta:
        model = DailyTotal
        filterable = ("day", "views", "visitors")
        sortable = ("views", "visitors")
        sort = ("-day",)
        key = "day"

    day = ma.Date(dump_only=True)
    views = Integer(dump_only=True)
    visitors = Integer(dump_only=True)


class PostDayViewsSchema(DayViewsSchema):
    """The views and unique visitors of a post on a day (UTC)."""

    class Meta(DayViewsSchema.Meta):
        model = DailyView


class PostTitleSchema(Schema):
    """The title of a post."""

    id = ma.UUID(dump_only=True)
    title = String(dump_only=True)
    slug = String(dump_only=True)


class PostViewsSchema(Schema):
    """The views and visitors of a post. A visitor is counted once per day."""

    class Meta:
        model = DailyView
        columns = {name: subquery_column(name) for name in ("post_id", "views", "visitors")}
        filterable = ("views", "visitors")
        sortable = ("views", "visitors")
        sort = ("-views",)
        key = "post_id"
        includes = {"post": from_directory(directory.titles, PostTitleSchema, columns["post_id"])}

    post_id = ma.UUID(dump_only=True)
    views = Integer(dump_only=True)
    visitors = Integer(dump_only=True)


class ReferrerSchema(Schema):
    """The views that came from a referring host. Not every view has one."""

    class Meta:
        model = DailyReferrer
        columns = {name: subquery_column(name) for name in ("referrer", "views")}
        filterable = ("referrer", "views")
        sortable = ("views",)
        sort = ("-views",)
        key = "referrer"

    referrer = String(dump_only=True, metadata={"example": "news.example.com"})
    views = Integer(dump_only=True)


class RangeParameters(Schema):
    """The query parameters of reports on several days."""

    since = ma.Date(load_default=None, metadata={"description": "First day to include (UTC). Default: no limit."})
    until = ma.Date(load_default=None, metadata={"description": "Last day to include (UTC). Default: no limit."})


class ReferrerParameters(RangeParameters):
    """The query parameters of the report on referrers."""

    post_id = ma.UUID(load_default=None, metadata={"description": "Only count views of this post."})
