"""Likes and view counters of posts.

A read writes nothing here: page views are counted by analytics and arrive in batches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import peewee

from blog_app.blog.models import Like, Post, PostCounters
from blog_app.data.models import now


def like(post: Post, user_id: UUID) -> dict[str, Any]:
    """Record the user's like and return the like status; idempotent, also when sent concurrently."""
    insert = Like.insert(post=post.id, user_id=user_id, created_at=now()).on_conflict_ignore()
    if insert.returning(Like.user_id).tuples().execute():
        return {"liked": True, "likes": _increment(post, PostCounters.likes, 1)}
    return like_status(post, user_id)


def unlike(post: Post, user_id: UUID) -> dict[str, Any]:
    """Remove the user's like, if there is one, and return the like status."""
    delete = Like.delete().where((Like.post == post.id) & (Like.user_id == user_id))
    if delete.execute():
        return {"liked": False, "likes": _increment(post, PostCounters.likes, -1)}
    return like_status(post, user_id)


def like_status(post: Post, user_id: UUID) -> dict[str, Any]:
    """Return whether the user likes the post, and its number of likes."""
    mine = Like.select().where((Like.post == post.id) & (Like.user_id == user_id))
    likes = PostCounters.select(PostCounters.likes).where(PostCounters.post == post.id)
    row = Post.select(peewee.fn.EXISTS(mine), peewee.fn.coalesce(likes, 0)).where(Post.id == post.id).tuples().first()
    return dict(zip(("liked", "likes"), row or (False, 0), strict=True))


def add_views(views: Mapping[str, int]) -> None:
    """Add views, by post id, to the counters of those posts that still exist: one statement."""
    batch = peewee.SQL("jsonb_each_text(%s::jsonb) AS batch (post_id, views)", [orjson.dumps(views).decode()])
    found = (
        Post.with_deleted()
        .select(Post.id, peewee.SQL("batch.views::bigint"))
        .from_(Post, batch)
        .where(Post.id == peewee.SQL("batch.post_id::uuid"))
        .order_by(Post.id)  # One lock order for all transactions: no deadlock.
    )
    insert = PostCounters.insert_from(found, [PostCounters.post, PostCounters.views])
    insert.on_conflict(
        conflict_target=[PostCounters.post],
        update={PostCounters.views: PostCounters.views + peewee.EXCLUDED.views},
    ).execute()


def _increment(post: Post, counter: peewee.Field, step: int) -> int:
    """Add `step` to a counter of the post and return its new value: one statement, so no update is lost."""
    row = {PostCounters.post: post.id, counter: max(step, 0)}
    upsert = PostCounters.insert(row).on_conflict(
        conflict_target=[PostCounters.post],
        update={counter: counter + step},
    )
    return int(upsert.returning(counter).tuples().execute()[0][0])
