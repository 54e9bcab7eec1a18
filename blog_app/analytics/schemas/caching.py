"""Schemas of the cache report."""

from __future__ import annotations

from marshmallow import fields as ma
from marshmallow import validate

from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Timestamp


class CacheCountsSchema(Schema):
    """Cache statistics. A bypass is a response without the cache: a private one, or one made while Redis is down or a
    write is in progress. `hit_ratio` is hits divided by hits and misses, null if there are none.
    """

    hits = Integer(required=True)
    misses = Integer(required=True)
    bypasses = Integer(required=True)
    hit_ratio = ma.Float(required=True, allow_none=True, metadata={"example": 0.97})
    mean_fill_milliseconds = ma.Float(required=True, allow_none=True, metadata={"example": 4.2})
    longest_fill_milliseconds = ma.Float(required=True, allow_none=True, metadata={"example": 31.0})


class ViewCacheCountsSchema(CacheCountsSchema):
    """Cache statistics of one view."""

    view = ma.String(required=True, metadata={"example": "posts.list_posts"})


class CacheReportSchema(Schema):
    """The cache report. While Redis is down or not configured, nothing is cached and there are no statistics."""

    status = ma.String(required=True, validate=validate.OneOf(("ok", "away", "not configured")))
    since = Timestamp(required=True)
    total = ma.Nested(CacheCountsSchema, required=True)
    views = ma.List(ma.Nested(ViewCacheCountsSchema), required=True)
