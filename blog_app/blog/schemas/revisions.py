"""Schema of revisions."""

from __future__ import annotations

from marshmallow import fields as ma, validate

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, String, Timestamp
from blog_app.blog.models import Revision
from blog_app.blog.models.posts import FORMATS


class RevisionSchema(Schema):
    """The title and content of a post before a change."""

    class Meta:
        model = Revision
        sortable = ("number",)
        sort = ("-number",)
        includes = {"author": person(Revision.author_id), "replacer": person(Revision.replaced_by)}

    id = ma.UUID(dump_only=True)
    number = Integer(dump_only=True, metadata={"description": "Starts at 1, the original version."})
    title = String(dump_only=True)
    content = String(dump_only=True)
    content_format = ma.String(dump_only=True, validate=validate.OneOf(FORMATS))
    author_id = ma.UUID(dump_only=True, metadata={"description": "The user who wrote this version."})
    written_at = Timestamp(dump_only=True)
    replaced_by = ma.UUID(dump_only=True, metadata={"description": "The user who replaced it."})
    replaced_at = Timestamp(dump_only=True, attribute="created_at")
