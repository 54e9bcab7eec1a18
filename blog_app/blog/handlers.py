"""The blog's handlers of outbox events, and its job: counters of posts.

A read writes nothing in the blog database: page views are counted by analytics and arrive here in batches.
"""

from __future__ import annotations

from datetime import timedelta

import orjson
import peewee

from blog_app.background import jobs
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.blog.models import Post, PostCounters
from blog_app.data import databases


@event_handler("posts.viewed", databases.blog)
def count_views(event: Event) -> None:
    """Add page views to the view counters of those posts that still exist: one statement."""
    views = orjson.dumps(event.payload["views"]).decode()
    batch = peewee.SQL("jsonb_each_text(%s::jsonb) AS batch (post_id, views)", [views])
    found = (
        Post.with_deleted()
        .select(Post.id, peewee.SQL("batch.views::bigint"))
        .from_(Post, batch)
        .where(Post.id == peewee.SQL("batch.post_id::uuid"))
        .order_by(Post.id)  # One lock order for all transactions: no deadlock.
    )
    insert = PostCounters.insert_from(found, [PostCounters.post, PostCounters.views])
    insert.on_conflict(
        conflict_target=[PostCounters.post], update={PostCounters.views: PostCounters.views + peewee.EXCLUDED.views}
    ).execute()


@jobs.every(timedelta(days=1), databases.blog)
def recount_comments() -> None:
    """Put comment counters right that writes without the models, or by an older release, left wrong."""
    PostCounters.recount()
