"""Page views, one row each, in monthly partitions, and the daily salts of visitor hashes."""

from __future__ import annotations

import peewee

from blog_app.analytics.models.base import AnalyticsBase
from blog_app.data.models import TimestampField


class PageView(AnalyticsBase):
    """An anonymous view of a post.

    The id is made when the view is counted. Id and time are the primary key, so a row cannot be stored twice.
    """

    id = peewee.UUIDField()
    viewed_at = TimestampField()
    post_id = peewee.UUIDField()
    author_id = peewee.UUIDField()
    referrer = peewee.CharField(max_length=253, null=True)
    """The referring host; null if unknown or the blog's own."""
    visitor = peewee.BlobField(null=True)
    """The visitor hash (see `visitors`)."""

    class Meta:
        table_name = "page_views"
        primary_key = peewee.CompositeKey("viewed_at", "id")
        table_settings = "PARTITION BY RANGE (viewed_at)"
        watermarked = False  # Nothing that is cached or read from a replica depends on it.


class VisitorSalt(AnalyticsBase):
    """The salt of a day (see `visitors`)."""

    day = peewee.DateField(primary_key=True)
    salt = peewee.BlobField()

    class Meta:
        table_name = "visitor_salts"
        watermarked = False
        fleeting = True  # Not in dumps, where it would outlive its day.
