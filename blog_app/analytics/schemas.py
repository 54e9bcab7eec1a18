"""The schemas of the audit trail, of page view reports, and of the cache report."""

from __future__ import annotations

import peewee
from marshmallow import fields as ma, validate

from blog_app.accounts.schemas import person
from blog_app.analytics.models import AuditEntry, DailyReferrer, DailyTotal, DailyView
from blog_app.api import Schema
from blog_app.api.auth import scope, user_id
from blog_app.api.resources.fields import Integer, String, Timestamp
from blog_app.api.resources.includes import from_directory
from blog_app.api.resources.schema import PerRequest
from blog_app.background import audit
from blog_app.blog import directory
from blog_app.data.models import subquery_column
from blog_app.permissions import Scope


def _actor_id() -> peewee.Node:
    """Return the expression for the actor's id; without admin scope it is null unless it is the caller's own.

    Authors, for example, do not see who likes their posts.
    """
    mine = peewee.Case(None, [(AuditEntry.actor_id == user_id(), AuditEntry.actor_id)])
    return AuditEntry.actor_id if scope() is Scope.ALL else mine


def _actor_name() -> peewee.Node:
    """Return the expression for the name of a command's user, which only admins see."""
    return AuditEntry.actor_name if scope() is Scope.ALL else peewee.SQL("NULL")


ACTOR_ID = PerRequest(_actor_id)


class AuditEntrySchema(Schema):
    """An audit entry: who did what to which object, and what changed.

    `actor_id` is null for commands, anonymous callers and deleted users; only admins see other users there.
    `action` is the name of an operation or a command. `changes` maps fields to `before` and `after`, or to
    `{"redacted": true}` if the values are private.
    """

    class Meta:
        model = AuditEntry
        columns = {"actor_id": ACTOR_ID, "actor_name": PerRequest(_actor_name)}
        filterable = (
            "id", "happened_at", "actor_type", "actor_id", "action",
            "subject_type", "subject_id", "owner_id", "request_id",
        )  # fmt: skip
        sortable = ("happened_at",)
        sort = ("-happened_at", "-id")
        includes = {"actor": person(ACTOR_ID)}

    id = ma.UUID(dump_only=True)
    happened_at = Timestamp(dump_only=True)
    actor_type = ma.String(dump_only=True, validate=validate.OneOf(audit.ACTORS))
    actor_id = ma.UUID(dump_only=True, allow_none=True)
    actor_name = ma.String(
        dump_only=True, allow_none=True, metadata={"description": "The operating system's user who ran the command."}
    )
    action = ma.String(dump_only=True, metadata={"example": "posts.publish_post"})
    subject_type = ma.String(dump_only=True, allow_none=True, metadata={"example": "blog.posts"})
    subject_id = ma.UUID(dump_only=True, allow_none=True)
    owner_id = ma.UUID(dump_only=True, allow_none=True, metadata={"description": "The owner of the object."})
    changes = ma.Dict(dump_only=True, metadata={"example": {"status": {"before": "draft", "after": "published"}}})
    request_id = ma.String(dump_only=True, allow_none=True)


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


class CacheCountsSchema(Schema):
    """Cache statistics. A bypass is a response without the cache: a private one, or one made while Redis is
    unreachable or a write is in progress. `hit_ratio` is hits divided by hits and misses, null if there are none.
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
    """The cache report. While Redis is unreachable or not configured, nothing is cached and there are no statistics."""

    status = ma.String(required=True, validate=validate.OneOf(("ok", "away", "not configured")))
    since = Timestamp(required=True)
    total = ma.Nested(CacheCountsSchema, required=True)
    views = ma.List(ma.Nested(ViewCacheCountsSchema), required=True)
