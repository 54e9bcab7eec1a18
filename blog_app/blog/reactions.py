"""What readers do to a post without a word: they look at it, and like it.

Who looks at a post writes nothing: views are counted elsewhere, and come here by the batch.
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
    """Let the user like the post, and return how things stand; liking twice is liking once, also at the same moment."""
    insert = Like.insert(post=post.id, user_id=user_id, created_at=now()).on_conflict_ignore()
    if insert.returning(Like.user_id).tuples().execute():
        return {"liked": True, "likes": _count(post, PostCounters.likes, 1)}
    return standing(post, user_id)


def unlike(post: Post, user_id: UUID) -> dict[str, Any]:
    """Take the user's like back, if there is one, and return how things stand."""
    delete = Like.delete().where((Like.post == post.id) & (Like.user_id == user_id))
    if delete.execute():
        return {"liked": False, "likes": _count(post, PostCounters.likes, -1)}
    return standing(post, user_id)


def standing(post: Post, user_id: UUID) -> dict[str, Any]:
    """Return whether the user likes the post, and how many do."""
    mine = Like.select().where((Like.post == post.id) & (Like.user_id == user_id))
    likes = PostCounters.select(PostCounters.likes).where(PostCounters.post == post.id)
    row = Post.select(peewee.fn.EXISTS(mine), peewee.fn.coalesce(likes, 0)).where(Post.id == post.id).tuples().first()
    return dict(zip(("liked", "likes"), row or (False, 0), strict=True))


def add_views(views: Mapping[str, int]) -> None:
    """Add views to the counters of the posts with these identifiers, of those that are still there: one statement."""
    batch = peewee.SQL("jsonb_each_text(%s::jsonb) AS batch (post_id, views)", [orjson.dumps(views).decode()])
    found = (
        Post.with_deleted()
        .select(Post.id, peewee.SQL("batch.views::bigint"))
        .from_(Post, batch)
        .where(Post.id == peewee.SQL("batch.post_id::uuid"))
        .order_by(Post.id)  # Everybody locks the counters in this order.
    )
    insert = PostCounters.insert_from(found, [PostCounters.post, PostCounters.views])
    insert.on_conflict(
        conflict_target=[PostCounters.post],
        update={PostCounters.views: PostCounters.views + peewee.EXCLUDED.views},
    ).execute()


def _count(post: Post, counter: peewee.Field, step: int) -> int:
    """Add `step` to a counter of the post and return its new value: one statement, so that none gets lost."""
    row = {PostCounters.post: post.id, counter: max(step, 0)}
    upsert = PostCounters.insert(row).on_conflict(
        conflict_target=[PostCounters.post],
        update={counter: counter + step},
    )
    return int(upsert.returning(counter).tuples().execute()[0][0])
