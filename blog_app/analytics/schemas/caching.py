"""How the cache does, from outside."""

from __future__ import annotations

from marshmallow import fields as ma
from marshmallow import validate

from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Timestamp


class CacheCountsSchema(Schema):
    """What happened to requests. Bypasses are answered without the cache: for one caller alone, while Redis is away, or
    while something is written. The ratio is of hits among hits and misses; null: there were none.
    """

    hits = Integer(required=True)
    misses = Integer(required=True)
    bypasses = Integer(required=True)
    hit_ratio = ma.Float(required=True, allow_none=True, metadata={"example": 0.97})
    mean_fill_milliseconds = ma.Float(required=True, allow_none=True, metadata={"example": 4.2})
    longest_fill_milliseconds = ma.Float(required=True, allow_none=True, metadata={"example": 31.0})


class ViewCacheCountsSchema(CacheCountsSchema):
    """What happened to the requests of one view."""

    view = ma.String(required=True, metadata={"example": "posts.list_posts"})


class CacheReportSchema(Schema):
    """How the cache has done, if Redis can tell: while it is away, or not configured, nothing is cached."""

    status = ma.String(required=True, validate=validate.OneOf(("ok", "away", "not configured")))
    since = Timestamp(required=True)
    total = ma.Nested(CacheCountsSchema, required=True)
    views = ma.List(ma.Nested(ViewCacheCountsSchema), required=True)
