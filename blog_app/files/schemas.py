"""Folders and files, from outside."""

from __future__ import annotations

from marshmallow import fields as ma
from marshmallow import validate

from blog_app.accounts import directory
from blog_app.accounts.schemas import PersonSchema
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, Timestamp
from blog_app.api.resources.includes import from_directory
from blog_app.files.models import KINDS, Node
from blog_app.files.names import Name, Path

IN_FOLDER = {"description": "The folder it is in; null: at the top."}


class NodeSchema(Schema):
    """A folder or a file. Only a file has a size, a media type (found by looking into it) and a SHA-256."""

    class Meta:
        model = Node
        filterable = (
            "kind",
            "name",
            "parent_id",
            "owner_id",
            "size",
            "media_type",
            "sha256",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        sortable = ("kind", "name", "path", "size", "created_at", "updated_at", "deleted_at")
        includes = {"owner": from_directory(directory.people, PersonSchema, Node.owner_id)}

    id = ma.UUID(dump_only=True)
    kind = ma.String(dump_only=True, validate=validate.OneOf(KINDS))
    owner_id = ma.UUID(dump_only=True)
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata=IN_FOLDER)
    name = Name(required=True, metadata={"example": "Manual.pdf"})
    path = ma.String(dump_only=True, metadata={"example": "/Kettles/Manual.pdf"})
    size = Integer(dump_only=True, allow_none=True, maximum=2**53)
    media_type = ma.String(dump_only=True, allow_none=True, metadata={"example": "application/pdf"})
    sha256 = ma.String(dump_only=True, allow_none=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
    deleted_at = Timestamp(dump_only=True, allow_none=True)


class CopySchema(Schema):
    """What a copy is called, and where it goes."""

    name = Name(required=True, metadata={"example": "Manual (copy).pdf"})
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata=IN_FOLDER)


class RestorationSchema(Schema):
    """Where to restore it, if not where it was; what is left out stays as it was."""

    name = Name()
    parent_id = ma.UUID(allow_none=True, metadata=IN_FOLDER)


class StorageSchema(Schema):
    """How many bytes somebody's files have, copies and what is in the trash included; null: there is no limit."""

    limit = Integer(required=True, allow_none=True)
    used = Integer(required=True)
    left = Integer(required=True, allow_none=True)


class UploadParameters(Schema):
    """What a new file is called, and where it goes."""

    name = Name(load_default=None, metadata={"description": "By default what a form calls the file."})
    parent_id = ma.UUID(load_default=None, metadata={"description": "The folder it goes into; by default the top."})


class PlaceParameters(Schema):
    """Which part of the tree is listed."""

    path = Path(load_default=None, metadata={"description": "What is at this path, such as `/Kettles/Manual.pdf`."})
    under = Path(load_default=None, metadata={"description": "Everything below the folder at this path."})
