"""Endpoints of comments on posts and images."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity, scope, user_id
from blog_app.blog import comments as actions
from blog_app.blog.models import Comment, Image, Post
from blog_app.blog.schemas.comments import CommentSchema, ModerationSchema
from blog_app.blog.views.images import image_at
from blog_app.blog.views.paths import post_at
from blog_app.data import databases
from blog_app.data.cache import reads

comments = Blueprint("comments", database=databases.blog, prefix="")


def comment_at(comment_id: UUID) -> Any:
    return allowed(Comment).where(Comment.id == comment_id)


def present_comment_at(comment_id: UUID) -> Any:
    """Return the query for a comment that is not deleted."""
    return comment_at(comment_id).where(Comment.deleted_at.is_null())


@comments.lists("/comments", CommentSchema)
@reads(Post, Image)
def list_comments() -> Any:
    """List comments on all posts and images, oldest first. Moderators find comments to review with `status=pending`."""
    return allowed(Comment)


@comments.lists("/posts/<key>/comments", CommentSchema, parent=post_at)
@reads(Post)
def list_comments_on_post(key: str) -> Any:
    """List the comments on a post, oldest first.

    You see approved comments and your own. `parent_id` is the comment that is replied to.
    """
    return Comment.visible_to(scope(), user_id()).where(
        Comment.subject_type == "post", Comment.subject_id == post_at(key).select(Post.id)
    )


@comments.lists("/images/<uuid:image_id>/comments", CommentSchema, parent=image_at)
@reads(Post, Image)
def list_comments_on_image(image_id: UUID) -> Any:
    """List the comments on an image, oldest first. You see approved comments and your own."""
    return Comment.visible_to(scope(), user_id()).where(
        Comment.subject_type == "image", Comment.subject_id == image_at(image_id).select(Image.id)
    )


@comments.creates("/posts/<key>/comments", CommentSchema)
def create_comment_on_post(key: str, **values: Any) -> Comment:
    """Create a comment on a post, or a reply to one. Others see it once a moderator has approved it."""
    return actions.comment_on_post(post_at(key), scope=scope(), author_id=identity().user_id, **values)


@comments.creates("/images/<uuid:image_id>/comments", CommentSchema)
def create_comment_on_image(image_id: UUID, **values: Any) -> Comment:
    """Create a comment on an image, or a reply to one. Others see it once a moderator has approved it."""
    return actions.comment_on_image(allowed(Post), image_id, scope=scope(), author_id=identity().user_id, **values)


@comments.shows("/comments/<uuid:comment_id>", CommentSchema)
@reads(Post, Image)
def show_comment(comment_id: UUID) -> Any:
    """Retrieve a comment."""
    return comment_at(comment_id)


@comments.changes("/comments/<uuid:comment_id>", CommentSchema, load=present_comment_at)
def change_comment(comment: Comment, **values: Any) -> Comment:
    """Update a comment. It needs approval again."""
    return actions.change(comment, scope=scope(), **values)


@comments.deletes("/comments/<uuid:comment_id>", load=present_comment_at)
def delete_comment(comment: Comment) -> None:
    """Delete a comment. If it has replies it keeps its place in the thread, without author and content."""
    comment.soft_delete()


@comments.acts(
    "PUT",
    "/comments/<uuid:comment_id>/moderation",
    body=ModerationSchema,
    response=CommentSchema,
    load=present_comment_at,
)
def moderate_comment(comment: Comment, status: str) -> Comment:
    """Approve a comment, or mark it as spam."""
    return comment.change(status=status)
