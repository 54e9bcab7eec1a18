"""What happens to comments: writing, answering, moderating, deleting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.blog.models import Comment, Image, Post
from blog_app.errors import NotFound, invalid
from blog_app.permissions import Scope


def comment_on_post(posts: Any, **values: Any) -> Comment:
    """Comment on the one post that the query `posts` finds; raise `NotFound` if it finds none."""
    post = posts.for_update("FOR SHARE", of=Post).first()
    if post is None:
        raise NotFound("There is no such post, or you may not see it.")
    return _comment("post", post.id, **values)


def comment_on_image(posts: Any, image_id: UUID, **values: Any) -> Comment:
    """Comment on an image of a post among `posts`; raise `NotFound` if there is no such image.

    Its post is locked before it, in the order of whoever deletes them.
    """
    image = posts.select(Image.id).join(Image).where(Image.id == image_id)
    if image.for_update("FOR SHARE").tuples().first() is None:
        raise NotFound("There is no such image, or you may not see it.")
    return _comment("image", image_id, **values)


def _comment(
    subject_type: str, subject_id: UUID, *, author_id: UUID, scope: Scope, parent_id: UUID | None, content: str
) -> Comment:
    """Write a comment; the subject is locked against deletion. Those who moderate need no moderation."""
    if parent_id is not None:
        thread = Comment.shown(max(scope, Scope.OWN), author_id).where(
            (Comment.subject_type == subject_type) & (Comment.subject_id == subject_id)
        )
        parent = thread.where(Comment.id == parent_id, Comment.deleted_at.is_null()).first()
        if parent is None:
            raise invalid("parent_id", f"There is no such comment on this {subject_type}.")
    comment = Comment(
        subject_type=subject_type,
        subject_id=subject_id,
        parent=parent_id,
        author_id=author_id,
        content=content,
        status="approved" if scope is Scope.ALL else "pending",
    )
    comment.derive()
    comment.save(force_insert=True)
    return comment


def edit(comment: Comment, *, scope: Scope, parent_id: UUID | None, content: str) -> Comment:
    """Change what a comment says; unless a moderator does, it must be approved again. Its place stays."""
    if parent_id not in (None, comment.parent_id):
        raise invalid("parent_id", "A comment keeps its place in the thread.")
    if content != comment.content:
        comment.change(content=content, status=comment.status if scope is Scope.ALL else "pending")
    return comment


def moderate(comment: Comment, status: str) -> Comment:
    """Approve a comment, call it spam, or put it back among those that wait."""
    comment.change(status=status)
    return comment
