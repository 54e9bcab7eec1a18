"""Keeping the former titles and texts of posts, and going back to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.blog.models import Post, Revision
from blog_app.errors import NotFound

KEPT = ("title", "content", "content_format")


def keep(post: Post, editor_id: UUID, **values: Any) -> None:
    """Keep what the title and text of the post are, if `values` change one of them. The post must be locked."""
    if all(values.get(name, getattr(post, name)) == getattr(post, name) for name in KEPT):
        return
    last = Revision.select().where(Revision.post == post.id).order_by(Revision.number.desc()).first()
    Revision.create(
        post=post.id,
        number=last.number + 1 if last else 1,
        author_id=last.replaced_by if last else post.author_id,
        written_at=last.created_at if last else post.created_at,
        replaced_by=editor_id,
        **{name: getattr(post, name) for name in KEPT},
    )


def restore(post: Post, editor_id: UUID, revision_id: UUID) -> Post:
    """Give the post the title and text of a revision again; what they are now becomes a revision in its turn."""
    revision = Revision.select().where((Revision.post == post.id) & (Revision.id == revision_id)).first()
    if revision is None:
        raise NotFound("This post has no such revision.")
    former = {name: getattr(revision, name) for name in KEPT}
    keep(post, editor_id, **former)
    post.change(**former)
    return post
