"""Page views as they come in, one row each, kept for some months in a partition a month."""

from __future__ import annotations

import peewee

from blog_app.analytics.models.base import AnalyticsBase
from blog_app.data.models import TimestampField


class PageView(AnalyticsBase):
    """That a reader, who cannot be told from it, looked at a post.

    The identifier is made where the view is counted. With the time it makes the key, so a row stored again is known.
    """

    id = peewee.UUIDField()
    viewed_at = TimestampField()
    post_id = peewee.UUIDField()
    author_id = peewee.UUIDField()
    referrer = peewee.CharField(max_length=253, null=True)
    """The host from where the reader came, unless it was the blog's own, or nobody said."""
    visitor = peewee.BlobField(null=True)
    """What makes two views of one reader on one day alike (see `visitors`)."""

    class Meta:
        table_name = "page_views"
        primary_key = peewee.CompositeKey("viewed_at", "id")
        table_settings = "PARTITION BY RANGE (viewed_at)"
        watermarked = False  # Nothing that is cached or read from a replica depends on it.


class VisitorSalt(AnalyticsBase):
    """The secret of a day; see `visitors`."""

    day = peewee.DateField(primary_key=True)
    salt = peewee.BlobField()

    class Meta:
        table_name = "visitor_salts"
        watermarked = False
        fleeting = True  # In no dump: it would outlive its day there.
