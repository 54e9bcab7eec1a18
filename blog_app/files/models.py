"""The tables of the files domain: a tree of nodes for each user, and the contents of files, stored once each.

A node's `path` is all its names from the top, and `key` that path as it is compared; both are stored, so that a whole
subtree is found by one range of an index, and moved by one statement. Whoever changes a tree first locks its owner's
`Drive`, and before it at most the one `Content` that is stored at the same time: two changes of one tree come one
after the other, and nobody waits in a circle.
"""

from __future__ import annotations

from typing import Any, Self
from uuid import UUID

import peewee

from blog_app.api.resources.filters import escape_like
from blog_app.data import databases
from blog_app.data.models import Base, Record, SoftDeletable, TimestampField, now
from blog_app.errors import Conflict, Invalid, explain_constraint
from blog_app.files.names import MAX_DEPTH, MAX_PATH_BYTES, folded
from blog_app.permissions import Scope

KINDS = ("folder", "file")


class FilesRecord(Record):
    """A record of the files database."""

    class Meta:
        database = databases.files
        schema = "files"


class Drive(FilesRecord):
    """All that belongs to one user; its row is the lock of their tree. It is made when it is first needed."""

    owner_id = peewee.UUIDField(unique=True)
    closes_at = TimestampField(null=True, index=True)
    """When everything in it goes, because its owner has left."""
    used = peewee.BigIntegerField(null=True)
    """How many bytes its files have, those in the trash too; None: they are counted when it is locked next."""

    class Meta:
        table_name = "drives"

    @classmethod
    def locked(cls, owner_id: UUID) -> Self:
        """Return the drive of a user, made if missing, and locked; its files are counted."""
        drive = cls.lock_or_create(cls.owner_id, owner_id)
        if drive.used is None:
            drive.used = Node.bytes_of(Node.owner_id == owner_id)
            drive.save()
        return drive


class Content(Base):
    """What is in a file, whoever has it under whatever name: bytes are known by their SHA-256, in hexadecimal."""

    sha256 = peewee.CharField(max_length=64, primary_key=True)
    size = peewee.BigIntegerField()
    created_at = TimestampField(default=now)
    unused_since = TimestampField(null=True, index=True)
    """Since when no file was seen to have it."""

    class Meta:
        database = databases.files
        schema = "files"
        table_name = "contents"
        watermarked = False  # It never changes.


class Chunk(Base):
    """Some bytes of contents; the same bytes are one chunk, whatever they are part of."""

    sha256 = peewee.CharField(max_length=64, primary_key=True)
    data = peewee.BlobField()

    class Meta:
        database = databases.files
        schema = "files"
        table_name = "chunks"
        watermarked = False
        constraints = [peewee.Check("sha256 = encode(sha256(data), 'hex')", name="chunks_are_what_they_are_called")]


class Part(Base):
    """That contents have a chunk at a position, counted in bytes."""

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

    What is thrown away keeps the place it had; `trashed_with` is what was thrown away, and brings the rest back.
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

    class Meta:
        table_name = "nodes"
        audited = ("kind", "parent", "size", "media_type", "deleted_at")
        redacted = ("name", "content")
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
        """Return the nodes that someone with this scope may see: their own, or all."""
        return cls.select() if scope is Scope.ALL else cls.select().where(cls.owner_id == user_id)

    @classmethod
    def with_trash(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the same, and what was thrown away, but not what only went along with it."""
        whole = cls.with_deleted().where(cls.deleted_at.is_null() | (cls.trashed_with == cls.id))
        return whole if scope is Scope.ALL else whole.where(cls.owner_id == user_id)

    @classmethod
    def bytes_of(cls, nodes: peewee.Expression) -> int:
        """Return how many bytes the files among the nodes have, those in the trash too."""
        return int(cls.with_deleted().select(peewee.fn.COALESCE(peewee.fn.SUM(cls.size), 0)).where(nodes).scalar())

    @classmethod
    def after_bulk_load(cls) -> None:
        Drive.update(used=None).execute()

    @property
    def content_tag(self) -> str | None:
        """The entity tag of the content, None for a folder."""
        return self.sha256

    def derive(self) -> None:
        """Fill in the path of a node that is new at its place, and that one which is not deleted is in no trash."""
        if self.deleted_at is None:
            self.trashed_with = None
        if self._dirty & {"name", "parent"}:
            self.path = f"{self.parent.path if self.parent else ''}/{self.name}"
            self.key = folded(self.path)

    def subtree(self) -> peewee.Expression:
        """Return the condition for what is at this place and below it, and not thrown away."""
        place = (Node.key == self.key) | below(self.key)
        return (Node.owner_id == self.owner_id) & Node.deleted_at.is_null() & place


def below(key: str) -> peewee.Expression:
    """Return the condition that a node is somewhere below a path, given as it is compared; empty: the top."""
    return peewee.Expression(Node.key, "LIKE", escape_like(key) + "/%")


# No two of one owner are at one place; and whatever begins with a path is one range of this.
Node.add_index(
    Node.index(
        Node.owner_id,
        peewee.SQL("key text_pattern_ops"),
        unique=True,
        where=peewee.SQL("deleted_at IS NULL"),
        name="nodes_place",
    )
)
Node.add_index(Node.index(Node.trashed_with, where=peewee.SQL("deleted_at IS NOT NULL"), name="nodes_trashed_with"))
explain_constraint("nodes_place", "name", "Something else has this name there.", status=Conflict)
explain_constraint(
    "nodes_path_is_not_too_long",
    "name",
    f"With the names of its folders, a path has at most {MAX_PATH_BYTES} bytes.",
    status=Invalid,
)
explain_constraint("nodes_are_not_too_deep", "parent_id", f"A tree has at most {MAX_DEPTH} levels.", status=Invalid)
