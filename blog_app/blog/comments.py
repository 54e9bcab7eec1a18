"""Actions on comments: creating, replying and changing."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.blog.models import Comment, Image, Post
from blog_app.errors import NotFound, invalid
from blog_app.permissions import Scope


def comment_on_post(posts: Any, **values: Any) -> Comment:
    """Comment on the post that the query `posts` finds; raise `NotFound` if it finds none."""
    post = posts.for_update("FOR SHARE", of=Post).first()
    if post is None:
        raise NotFound("Post not found, or you do not have access to it.")
    return _comment("post", post.id, **values)


def comment_on_image(posts: Any, image_id: UUID, **values: Any) -> Comment:
    """Comment on an image of one of the `posts`; raise `NotFound` if there is no such image.

    The post is locked before the image, in the order in which they are deleted.
    """
    image = posts.select(Image.id).join(Image).where(Image.id == image_id, Image.deleted_at.is_null())
    if image.for_update("FOR SHARE").tuples().first() is None:
        raise NotFound("Image not found, or you do not have access to it.")
    return _comment("image", image_id, **values)


def _comment(
    subject_type: str, subject_id: UUID, *, author_id: UUID, scope: Scope, parent_id: UUID | None, content: str
) -> Comment:
    """Create a comment on a subject that is locked against deletion; a moderator's comment is approved immediately."""
    if parent_id is not None:
        comments = Comment.visible_to(max(scope, Scope.OWN), author_id).where(
            (Comment.subject_type == subject_type) & (Comment.subject_id == subject_id)
        )
        parent = comments.where(Comment.id == parent_id, Comment.deleted_at.is_null()).first()
        if parent is None:
            raise invalid("parent_id", f"Comment not found on this {subject_type}.")
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


def change(comment: Comment, *, scope: Scope, parent_id: UUID | None, content: str) -> Comment:
    """Change the content of a comment; unless a moderator does, it needs approval again. Its parent cannot change."""
    if parent_id not in (None, comment.parent_id):
        raise invalid("parent_id", "The parent of a comment cannot be changed.")
    if content == comment.content:
        return comment
    return comment.change(content=content, status=comment.status if scope is Scope.ALL else "pending")
