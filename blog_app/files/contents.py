"""The contents of files: taking them in, sending them, forgetting those that no file has any more."""

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

KEPT = timedelta(hours=1)
"""How long contents outlive their last file: whoever is downloading it shall come to the end."""
AT_ONCE = 20


class Kept(NamedTuple):
    """What was uploaded and is stored."""

    name: str | None
    sha256: str
    size: int
    media_type: str

    @property
    def values(self) -> dict[str, Any]:
        """What a file has of it."""
        return {"sha256": self.sha256, "size": self.size, "media_type": self.media_type}


def keep(upload: Upload) -> Kept:
    """Store what was uploaded, unless it is stored already; it stays if a file is made of it in this transaction."""
    # An update, not nothing, where it is there: the row must be locked, or it might be forgotten at this moment.
    Content.insert(sha256=upload.sha256, size=upload.size).on_conflict(
        conflict_target=[Content.sha256], update={Content.unused_since: None}
    ).execute()
    storage.put(upload.sha256, cast(Any, upload.file))
    upload.seek(0)
    return Kept(upload.name, upload.sha256, upload.size, media_type_of(upload.file.read(HEAD_BYTES)))


def download(node: Node) -> Download:
    """Return what is needed to send a file."""
    return Download(node.name, node.media_type, node.size, node.sha256, partial(storage.read, node.sha256))


def forget_unused() -> bool:
    """Forget some contents that no file has had for long, True if there may be more; else note which none has now."""
    is_used = peewee.fn.EXISTS(Node.with_deleted().select(Node.id).where(Node.content == Content.sha256))
    is_noted = Content.unused_since.is_null(False)
    Content.update(unused_since=None).where(is_noted & is_used).execute()
    old = Content.select(Content.sha256).where(Content.unused_since < now() - KEPT).limit(AT_ONCE)
    locked = [content for (content,) in old.for_update("FOR UPDATE SKIP LOCKED").tuples()]
    # A statement of its own: its snapshot must be younger than the locks.
    still = Content.select(Content.sha256).where(Content.sha256.in_(locked) & ~is_used)
    doomed = [content for (content,) in still.tuples()]
    storage.delete(doomed)
    Content.delete().where(Content.sha256.in_(doomed)).execute()
    if len(locked) == AT_ONCE:
        return True
    Content.update(unused_since=now()).where(~is_noted & ~is_used).execute()
    return False
