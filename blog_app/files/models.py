"""The tables of the files domain: a tree of nodes for each user, and deduplicated file contents.

A node's `path` consists of all names from the top, and `key` is the path casefolded, for comparison. Both are stored
(materialized paths), so that a whole subtree is found by one index range, and moved by one statement. Lock order: at
most one `Content` that the transaction stores, then the owner's `Drive`. So changes of one tree are serialized, and
never deadlock.
"""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField

from blog_app.api.resources.filters import escape_like
from blog_app.data import databases
from blog_app.data.models import Base, Record, SoftDeletable, TimestampField, now
from blog_app.errors import Conflict, Invalid, explain_constraint
from blog_app.files.names import MAX_DEPTH, MAX_PATH_BYTES, casefolded
from blog_app.permissions import Scope

KINDS = ("folder", "file")


class FilesRecord(Record):
    """A record of the files database."""

    class Meta:
        database = databases.files
        schema = "files"


class Drive(FilesRecord):
    """The files of one user; its row is the lock of their tree. It is created when first needed."""

    owner_id = peewee.UUIDField(unique=True)
    closes_at = TimestampField(null=True, index=True)
    """When all its files are deleted, because its owner was."""
    used = peewee.BigIntegerField(null=True)
    """The total size of its files in bytes, including the trash; None: it is computed when the drive is next locked."""

    class Meta:
        table_name = "drives"

    @classmethod
    def locked(cls, owner_id: UUID) -> Self:
        """Return the drive of a user, created if missing, and locked, with `used` computed."""
        drive = cls.lock_or_create(cls.owner_id, owner_id)
        if drive.used is None:
            drive.used = Node.bytes_of(Node.owner_id == owner_id)
            drive.save()
        return drive


class Content(Base):
    """The content of any number of files, identified by its SHA-256 in hexadecimal digits (deduplication)."""

    sha256 = peewee.CharField(max_length=64, primary_key=True)
    size = peewee.BigIntegerField()
    created_at = TimestampField(default=now)
    unused_since = TimestampField(null=True, index=True)
    """When it was first found to be used by no file."""

    class Meta:
        database = databases.files
        schema = "files"
        table_name = "contents"
        watermarked = False  # It never changes.


class Chunk(Base):
    """A piece of contents; equal bytes are stored as one chunk."""

    sha256 = peewee.CharField(max_length=64, primary_key=True)
    data = peewee.BlobField()

    class Meta:
        database = databases.files
        schema = "files"
        table_name = "chunks"
        watermarked = False
        constraints = [peewee.Check("sha256 = encode(sha256(data), 'hex')", name="chunks_are_what_they_are_called")]


class Part(Base):
    """A chunk of a content; `position` is its offset in bytes."""

    content = peewee.ForeignKeyField(Content, column_name="content", on_delete="RESTRICT", index=False)
    position = peewee.BigIntegerField()
    chunk = peewee.ForeignKeyField(Chunk, column_name="chunk", on_delete="RESTRICT")

    class Meta:
        database = databases.files
        schema = "files"
        table_name = "parts"
        watermarked = False
        primary_key = peewee.CompositeKey("content", "position")


class Node(FilesRecord, SoftDeletable):
    """A folder or a file. At the top of the tree there is no parent.

    A node in the trash keeps its path; `trashed_with` is the node that was deleted, which restores it together with
    everything that was in it.
    """

    owner_id = peewee.UUIDField()
    kind = peewee.CharField(max_length=10)
    parent = peewee.ForeignKeyField("self", backref="children", null=True, on_delete="SET NULL", index=False)
    name = peewee.CharField(max_length=255)
    path = peewee.TextField()
    key = peewee.TextField()
    content = peewee.ForeignKeyField(Content, column_name="sha256", null=True, on_delete="RESTRICT")
    size = peewee.BigIntegerField(null=True)
    media_type = peewee.CharField(max_length=100, null=True)
    trashed_with = peewee.UUIDField(null=True)
    metadata = BinaryJSONField(default=dict, index=False, constraints=[peewee.SQL("DEFAULT '{}'")])

    class Meta:
        table_name = "nodes"
        audited = ("kind", "parent", "size", "media_type", "deleted_at")
        redacted = ("name", "content", "metadata")
        indexes = ((("parent", "owner_id"), False), (("owner_id", "id"), False))
        constraints = [
            peewee.Check("kind IN ('folder', 'file')", name="nodes_kind_is_known"),
            peewee.Check(r"name NOT IN ('', '.', '..') AND name !~ '[/\\\x01-\x1f\x7f]'", name="nodes_name_is_one"),
            peewee.Check(
                f"octet_length(path) <= {MAX_PATH_BYTES} AND octet_length(key) <= {MAX_PATH_BYTES}",
                name="nodes_path_is_not_too_long",
            ),
            peewee.Check(
                f"char_length(path) - char_length(replace(path, '/', '')) <= {MAX_DEPTH}", name="nodes_are_not_too_deep"
            ),
            peewee.Check(
                "(kind = 'file') = (sha256 IS NOT NULL AND size IS NOT NULL AND media_type IS NOT NULL)",
                name="nodes_files_have_content",
            ),
            peewee.Check("(deleted_at IS NULL) = (trashed_with IS NULL)", name="nodes_trash_is_complete"),
        ]

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the nodes that a caller with this scope may see: their own, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.owner_id == user_id)

    @classmethod
    def with_trash(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the same, with the nodes that were moved to the trash, but not what was in them."""
        found = cls.with_deleted().where(cls.deleted_at.is_null() | (cls.trashed_with == cls.id))
        return found if scope is Scope.ALL else found.where(cls.owner_id == user_id)

    @classmethod
    def bytes_of(cls, nodes: peewee.Expression) -> int:
        """Return the total size of the files among the nodes, including the trash, in bytes."""
        return int(cls.with_deleted().select(peewee.fn.COALESCE(peewee.fn.SUM(cls.size), 0)).where(nodes).scalar())

    @classmethod
    def after_bulk_load(cls) -> None:
        Drive.update(used=None).execute()

    @property
    def content_tag(self) -> str | None:
        """The entity tag of the content, None for a folder."""
        return self.sha256

    def derive(self) -> None:
        """Compute `path` and `key` if the name or parent changed; clear `trashed_with` unless deleted."""
        if self.deleted_at is None:
            self.trashed_with = None
        if self._dirty & {"name", "parent"}:
            self.path = f"{self.parent.path if self.parent else ''}/{self.name}"
            self.key = casefolded(self.path)

    def subtree(self) -> peewee.Expression:
        """Return the condition for this node and all below it, without the trash."""
        in_subtree = (Node.key == self.key) | below(self.key)
        return (Node.owner_id == self.owner_id) & Node.deleted_at.is_null() & in_subtree


def below(key: str) -> peewee.Expression:
    """Return the condition that a node is anywhere below a path, given casefolded; empty for the top."""
    return peewee.Expression(Node.key, "LIKE", escape_like(key) + "/%")


# Unique paths for each owner; and a prefix of paths is one range of this index.
_KEY, _NOT_DELETED = peewee.SQL("key text_pattern_ops"), peewee.SQL("deleted_at IS NULL")
Node.add_index(Node.index(Node.owner_id, _KEY, unique=True, where=_NOT_DELETED, name="nodes_place"))
Node.add_index(Node.index(Node.trashed_with, where=peewee.SQL("deleted_at IS NOT NULL"), name="nodes_trashed_with"))
Node.add_index(Node.index(peewee.SQL("metadata jsonb_path_ops"), using="gin", name="nodes_metadata"))
explain_constraint("nodes_place", "name", "This folder already contains that name.", status=Conflict)
explain_constraint(
    "nodes_path_is_not_too_long", "name", f"The path must not be longer than {MAX_PATH_BYTES} bytes.", status=Invalid
)
explain_constraint(
    "nodes_are_not_too_deep", "parent_id", f"Folders cannot be nested deeper than {MAX_DEPTH} levels.", status=Invalid
)
