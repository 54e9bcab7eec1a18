"""The audit trail, from outside."""

from __future__ import annotations

import peewee
from marshmallow import fields as ma
from marshmallow import validate

from blog_app.accounts import directory
from blog_app.accounts.schemas import PersonSchema
from blog_app.analytics.models import AuditEntry
from blog_app.api import Schema
from blog_app.api.auth import scope, user_id
from blog_app.api.resources.fields import Timestamp
from blog_app.api.resources.includes import one_from
from blog_app.api.resources.schema import PerRequest
from blog_app.background import audit
from blog_app.permissions import Scope


def _actor_id() -> peewee.Node:
    """Return the expression for who acted, for others than administrators only if it was they themselves.

    An author is not told who likes their post.
    """
    mine = peewee.Case(None, [(AuditEntry.actor_id == user_id(), AuditEntry.actor_id)])
    return AuditEntry.actor_id if scope() is Scope.ALL else mine


def _actor_name() -> peewee.Node:
    """Return the expression for the name of a command's user, which is for administrators."""
    return AuditEntry.actor_name if scope() is Scope.ALL else peewee.SQL("NULL")


ACTOR_ID = PerRequest(_actor_id)


class AuditEntrySchema(Schema):
    """What somebody did: who, what, to which object, and what changed of it.

    `actor_id` is null for a command, a caller without a token, and somebody who has left; only administrators see
    others there. `action` is an operation's name or a command. `changes` has what may be told: by field, `before` and
    `after`, or `{"redacted": true}`.
    """

    class Meta:
        model = AuditEntry
        columns = {"actor_id": ACTOR_ID, "actor_name": PerRequest(_actor_name)}
        filterable = (
            "id",
            "happened_at",
            "actor_type",
            "actor_id",
            "action",
            "subject_type",
            "subject_id",
            "owner_id",
            "request_id",
        )
        sortable = ("happened_at",)
        sort = ("-happened_at", "-id")
        includes = {"actor": one_from(directory.people, PersonSchema, ACTOR_ID)}

    id = ma.UUID(dump_only=True)
    happened_at = Timestamp(dump_only=True)
    actor_type = ma.String(dump_only=True, validate=validate.OneOf(audit.ACTORS))
    actor_id = ma.UUID(dump_only=True, allow_none=True)
    actor_name = ma.String(
        dump_only=True, allow_none=True, metadata={"description": "Whom the operating system ran the command for."}
    )
    action = ma.String(dump_only=True, metadata={"example": "posts.publish_post"})
    subject_type = ma.String(dump_only=True, allow_none=True, metadata={"example": "blog.posts"})
    subject_id = ma.UUID(dump_only=True, allow_none=True)
    owner_id = ma.UUID(dump_only=True, allow_none=True, metadata={"description": "Whose the object is."})
    changes = ma.Dict(dump_only=True, metadata={"example": {"status": {"before": "draft", "after": "published"}}})
    request_id = ma.String(dump_only=True, allow_none=True)
