"""Actions on revisions: recording the former title and content of a post, and restoring them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.blog.models import Post, Revision
from blog_app.errors import NotFound

REVISED_FIELDS = ("title", "content", "content_format")


def record(post: Post, editor_id: UUID, **values: Any) -> None:
    """Record the present title and content of the post if `values` change them. The post must be locked."""
    if all(values.get(name, getattr(post, name)) == getattr(post, name) for name in REVISED_FIELDS):
        return
    last = Revision.select().where(Revision.post == post.id).order_by(Revision.number.desc()).first()
    Revision.create(
        post=post.id,
        number=last.number + 1 if last else 1,
        author_id=last.replaced_by if last else post.author_id,
        written_at=last.created_at if last else post.created_at,
        replaced_by=editor_id,
        **{name: getattr(post, name) for name in REVISED_FIELDS},
    )


def restore(post: Post, editor_id: UUID, revision_id: UUID) -> Post:
    """Restore the title and content of a revision; the present ones become a revision."""
    revision = Revision.select().where((Revision.post == post.id) & (Revision.id == revision_id)).first()
    if revision is None:
        raise NotFound("Revision not found for this post.")
    former = {name: getattr(revision, name) for name in REVISED_FIELDS}
    record(post, editor_id, **former)
    return post.change(**former)
