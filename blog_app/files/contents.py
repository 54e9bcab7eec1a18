"""File contents: storing uploads, serving downloads, and deleting contents that no file uses (garbage collection)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, cast

import peewee

from blog_app.api.requests.uploads import Upload
from blog_app.api.responses.downloads import Download
from blog_app.data.models import now
from blog_app.files.media_types import HEAD_BYTES, media_type_of
from blog_app.files.models import Content, Node
from blog_app.files.storage import storage

RETENTION = timedelta(hours=1)
"""How long contents outlive their last file, so that running downloads can finish."""
BATCH_SIZE = 20


class StoredContent(NamedTuple):
    """An upload whose bytes are stored."""

    name: str | None
    sha256: str
    size: int
    media_type: str

    @property
    def values(self) -> dict[str, Any]:
        """The column values of a file with this content."""
        return {"sha256": self.sha256, "size": self.size, "media_type": self.media_type}


def store(upload: Upload) -> StoredContent:
    """Store an upload unless its bytes are stored already; they stay if this transaction makes a file of them."""
    # DO UPDATE, not DO NOTHING: it locks an existing row, which `delete_unused` could delete otherwise.
    Content.insert(sha256=upload.sha256, size=upload.size).on_conflict(
        conflict_target=[Content.sha256], update={Content.unused_since: None}
    ).execute()
    storage.put(upload.sha256, cast(Any, upload.file))
    upload.seek(0)
    return StoredContent(upload.name, upload.sha256, upload.size, media_type_of(upload.file.read(HEAD_BYTES)))


def download(node: Node) -> Download:
    """Return the download of a file."""
    return Download(node.name, node.media_type, node.size, node.sha256, partial(storage.read, node.sha256))


def delete_unused() -> bool:
    """Delete a batch of contents that no file has used for `RETENTION`; return whether there may be more.

    When none are left, mark the contents that are unused now.
    """
    is_used = peewee.fn.EXISTS(Node.with_deleted().select(Node.id).where(Node.content == Content.sha256))
    is_marked = Content.unused_since.is_null(False)
    Content.update(unused_since=None).where(is_marked & is_used).execute()
    expired = Content.select(Content.sha256).where(Content.unused_since < now() - RETENTION).limit(BATCH_SIZE)
    locked = [content for (content,) in expired.for_update("FOR UPDATE SKIP LOCKED").tuples()]
    # A separate statement: its snapshot must be newer than the locks.
    unused = Content.select(Content.sha256).where(Content.sha256.in_(locked) & ~is_used)
    deleted = [content for (content,) in unused.tuples()]
    storage.delete(deleted)
    Content.delete().where(Content.sha256.in_(deleted)).execute()
    if len(locked) == BATCH_SIZE:
        return True
    Content.update(unused_since=now()).where(~is_marked & ~is_used).execute()
    return False
