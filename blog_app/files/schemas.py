"""The schemas of folders and files."""

from __future__ import annotations

from marshmallow import fields as ma, validate

from blog_app.accounts.schemas import person
from blog_app.api import Schema
from blog_app.api.resources.fields import Integer, JsonObject, Timestamp
from blog_app.api.resources.filters import json_filter
from blog_app.api.resources.includes import belongs_to
from blog_app.files.models import KINDS, Node
from blog_app.files.names import Name, Path

PARENT_FOLDER = {"description": "The folder that contains it; null for the top level."}


class FolderSchema(Schema):
    """The folder of a folder or file."""

    class Meta:
        model = Node

    id = ma.UUID(dump_only=True)
    name = Name(dump_only=True)
    path = ma.String(dump_only=True)


class NodeSchema(Schema):
    """A folder or a file. Only files have a size, a SHA-256 and a media type, which is detected from the content."""

    class Meta:
        model = Node
        filterable = (
            "kind", "name", "parent_id", "owner_id", "size", "media_type", "sha256",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        filters = {"metadata": json_filter(Node.metadata)}
        sortable = ("kind", "name", "path", "size", "created_at", "updated_at", "deleted_at")
        includes = {"owner": person(Node.owner_id), "parent": belongs_to(FolderSchema, Node.parent)}

    id = ma.UUID(dump_only=True)
    kind = ma.String(dump_only=True, validate=validate.OneOf(KINDS))
    owner_id = ma.UUID(dump_only=True)
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata=PARENT_FOLDER)
    name = Name(required=True, metadata={"example": "Manual.pdf"})
    path = ma.String(dump_only=True, metadata={"example": "/Kettles/Manual.pdf"})
    size = Integer(dump_only=True, allow_none=True, maximum=2**53)
    media_type = ma.String(dump_only=True, allow_none=True, metadata={"example": "application/pdf"})
    sha256 = ma.String(dump_only=True, allow_none=True)
    metadata = JsonObject(load_default=dict, metadata={"description": "Your own keys.", "example": {"pages": 12}})
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
    deleted_at = Timestamp(dump_only=True, allow_none=True)


class CopySchema(Schema):
    """The name and folder of a copy."""

    name = Name(required=True, metadata={"example": "Manual (copy).pdf"})
    parent_id = ma.UUID(load_default=None, allow_none=True, metadata=PARENT_FOLDER)


class RestorationSchema(Schema):
    """A new name or folder for the restored file or folder. By default, both stay the same."""

    name = Name()
    parent_id = ma.UUID(allow_none=True, metadata=PARENT_FOLDER)


class StorageSchema(Schema):
    """Storage usage in bytes, including copies and the trash. `limit` and `left` are null if there is no limit."""

    limit = Integer(required=True, allow_none=True)
    used = Integer(required=True)
    left = Integer(required=True, allow_none=True)


class UploadParameters(Schema):
    """The query parameters of an upload."""

    name = Name(load_default=None, metadata={"description": "Defaults to the file name in the form."})
    parent_id = ma.UUID(load_default=None, metadata={"description": "Folder to upload to; by default the top level."})


class PathParameters(Schema):
    """The query parameters of the list of files."""

    path = Path(load_default=None, metadata={"description": "Only what is at this path, such as `/Kettles/Tea.pdf`."})
    under = Path(load_default=None, metadata={"description": "Only what is below the folder at this path."})
