"""Likes of posts, and their like counters."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.blog.models import Like, Post, PostCounters
from blog_app.data.models import now


def like(post: Post, user_id: UUID) -> dict[str, Any]:
    """Record the user's like and return the like status; idempotent, also when sent concurrently."""
    insert = Like.insert(post=post.id, user_id=user_id, created_at=now()).on_conflict_ignore()
    if insert.returning(Like.user_id).tuples().execute():
        return {"liked": True, "likes": _add_likes(post, 1)}
    return like_status(post, user_id)


def unlike(post: Post, user_id: UUID) -> dict[str, Any]:
    """Remove the user's like, if there is one, and return the like status."""
    delete = Like.delete().where((Like.post == post.id) & (Like.user_id == user_id))
    if delete.execute():
        return {"liked": False, "likes": _add_likes(post, -1)}
    return like_status(post, user_id)


def like_status(post: Post, user_id: UUID) -> dict[str, Any]:
    """Return whether the user likes the post, and its number of likes."""
    mine = Like.select().where((Like.post == post.id) & (Like.user_id == user_id))
    likes = PostCounters.select(PostCounters.likes).where(PostCounters.post == post.id)
    row = Post.select(peewee.fn.EXISTS(mine), peewee.fn.coalesce(likes, 0)).where(Post.id == post.id).tuples().first()
    return dict(zip(("liked", "likes"), row or (False, 0), strict=True))


def _add_likes(post: Post, number: int) -> int:
    """Add to the like counter of the post and return its new value: one statement, so no update is lost."""
    row = {PostCounters.post: post.id, PostCounters.likes: max(number, 0)}
    upsert = PostCounters.insert(row).on_conflict(
        conflict_target=[PostCounters.post], update={PostCounters.likes: PostCounters.likes + number}
    )
    return int(upsert.returning(PostCounters.likes).tuples().execute()[0][0])
