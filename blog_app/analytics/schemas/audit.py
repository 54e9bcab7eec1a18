"""Schema of audit entries."""

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
from blog_app.api.resources.includes import from_directory
from blog_app.api.resources.schema import PerRequest
from blog_app.background import audit
from blog_app.permissions import Scope


def _actor_id() -> peewee.Node:
    """Return the expression for the actor's id; without administrator scope it is null unless it is the caller's own.

    Authors, for example, do not see who likes their posts.
    """
    mine = peewee.Case(None, [(AuditEntry.actor_id == user_id(), AuditEntry.actor_id)])
    return AuditEntry.actor_id if scope() is Scope.ALL else mine


def _actor_name() -> peewee.Node:
    """Return the expression for the name of a command's user, which only administrators see."""
    return AuditEntry.actor_name if scope() is Scope.ALL else peewee.SQL("NULL")


ACTOR_ID = PerRequest(_actor_id)


class AuditEntrySchema(Schema):
    """An audit entry: who did what to which object, and what changed.

    `actor_id` is null for commands, anonymous callers and deleted users; only administrators see other users there.
    `action` is the name of an operation or a command. `changes` maps fields to `before` and `after`, or to
    `{"redacted": true}` if the values are private.
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
        includes = {"actor": from_directory(directory.people, PersonSchema, ACTOR_ID)}

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
