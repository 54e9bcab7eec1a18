"""Schemas of comments. A deleted comment that has replies is shown without its author and content."""

from __future__ import annotations

from typing import Any

import peewee
from marshmallow import fields as ma, validate

from blog_app.accounts.schemas import author
from blog_app.api import Schema
from blog_app.api.resources.fields import String, Timestamp
from blog_app.blog.content import MAX_COMMENT_LENGTH
from blog_app.blog.models import Comment
from blog_app.blog.models.comments import STATUSES, SUBJECTS


def _unless_deleted(column: peewee.Field) -> Any:
    return peewee.Case(None, [(Comment.deleted_at.is_null(), column)])


AUTHOR = _unless_deleted(Comment.author_id)


class CommentSchema(Schema):
    """A comment on a post or an image, or a reply to one."""

    class Meta:
        model = Comment
        columns = {
            "author_id": AUTHOR,
            "content": _unless_deleted(Comment.content),
            "content_html": _unless_deleted(Comment.content_html),
            "deleted": Comment.deleted_at.is_null(False),
        }
        filterable = ("status", "author_id", "parent_id", "subject_type", "subject_id", "created_at")
        sortable = ("created_at",)
        sort = ("id",)
        includes = {"author": author(AUTHOR)}

    id = ma.UUID(dump_only=True)
    subject_type = ma.String(dump_only=True, validate=validate.OneOf(SUBJECTS))
    subject_id = ma.UUID(dump_only=True)
    parent_id = ma.UUID(
        load_default=None,
        allow_none=True,
        metadata={"description": "The comment that this one replies to. It cannot be changed."},
    )
    author_id = ma.UUID(dump_only=True, allow_none=True)
    content = String(
        required=True,
        min_length=1,
        max_length=MAX_COMMENT_LENGTH,
        metadata={
            "description": "Markdown without HTML. Null if deleted.",
            "example": "Mine *whistles*.",
            "null_in_responses": True,
        },
    )
    content_html = String(dump_only=True, allow_none=True, metadata={"description": "The content as sanitized HTML."})
    status = ma.String(dump_only=True, validate=validate.OneOf(STATUSES))
    deleted = ma.Boolean(dump_only=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)


class ModerationSchema(Schema):
    """The moderation status of a comment."""

    status = ma.String(required=True, validate=validate.OneOf(STATUSES))
