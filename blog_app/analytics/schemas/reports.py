"""What was viewed, from outside."""

from __future__ import annotations

from marshmallow import fields as ma

from blog_app.analytics.models import DailyReferrer, DailyTotal, DailyView
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, String
from blog_app.api.resources.includes import one_from
from blog_app.blog import directory
from blog_app.data.models import column_of_found


class DayViewsSchema(Schema):
    """What was viewed on a day (UTC) altogether, and by how many different visitors."""

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
    """How often a post was viewed on a day (UTC), and by how many different visitors."""

    class Meta(DayViewsSchema.Meta):
        model = DailyView


class PostTitleSchema(Schema):
    """A post by name."""

    id = ma.UUID(dump_only=True)
    title = String(dump_only=True)
    slug = String(dump_only=True)


class PostViewsSchema(Schema):
    """How often a post was viewed. Who came on several days is as many visitors."""

    class Meta:
        model = DailyView
        columns = {name: column_of_found(name) for name in ("post_id", "views", "visitors")}
        filterable = ("views", "visitors")
        sortable = ("views", "visitors")
        sort = ("-views",)
        key = "post_id"
        includes = {"post": one_from(directory.titles, PostTitleSchema, columns["post_id"])}

    post_id = ma.UUID(dump_only=True)
    views = Integer(dump_only=True)
    visitors = Integer(dump_only=True)


class ReferrerSchema(Schema):
    """How often readers came from another host; it is not known of all."""

    class Meta:
        model = DailyReferrer
        columns = {name: column_of_found(name) for name in ("referrer", "views")}
        filterable = ("referrer", "views")
        sortable = ("views",)
        sort = ("-views",)
        key = "referrer"

    referrer = String(dump_only=True, metadata={"example": "news.example.com"})
    views = Integer(dump_only=True)


class RangeParameters(Schema):
    """The parameters of reports on several days."""

    since = ma.Date(load_default=None, metadata={"description": "The first day (UTC) that counts; without it, all."})
    until = ma.Date(load_default=None, metadata={"description": "The last day (UTC) that counts."})


class ReferrerParameters(RangeParameters):
    """The parameters of the report on referrers."""

    post_id = ma.UUID(load_default=None, metadata={"description": "Only what led to this post counts."})
