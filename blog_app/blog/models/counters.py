"""What is counted of posts. The counters have a table of their own, so that a like neither makes a new version of the
post, which would refuse an editor's `If-Match`, nor ages the lists in which the post is.

Staleness: an answer made for the request counts exactly; one from the cache, or from a replica, may be as old as
`COUNTERS_SECONDS`.
"""

from __future__ import annotations

import peewee

from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.models import Base, TimestampField, now
from blog_app.errors import NotFound, explain_constraint

COUNTERS_SECONDS = 60.0


class PostCounters(Base):
    """How often a post was viewed and liked; a post that never was has no row."""

    post = peewee.ForeignKeyField(Post, backref="+", on_delete="CASCADE", primary_key=True)
    views = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    likes = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "post_counters"
        watermarked = False
        constraints = [peewee.Check("views >= 0 AND likes >= 0", name="post_counters_are_not_negative")]


class Like(Base):
    """That a user likes a post; the key makes it once."""

    post = peewee.ForeignKeyField(Post, backref="+", on_delete="CASCADE", index=False)
    user_id = peewee.UUIDField(index=True)
    created_at = TimestampField(default=now)

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "likes"
        primary_key = peewee.CompositeKey("post", "user_id")
        depends_on = (PostCounters,)  # Which are loaded before; then the likes are counted.

    @classmethod
    def loaded(cls) -> None:
        counted = cls.select(cls.post, peewee.fn.count(cls.user_id)).group_by(cls.post)
        insert = PostCounters.insert_from(counted, [PostCounters.post, PostCounters.likes])
        insert.on_conflict(conflict_target=[PostCounters.post], preserve=[PostCounters.likes]).execute()


explain_constraint("likes_post_id_fkey", "", "The post has just been deleted.", status=NotFound)
explain_constraint("post_counters_post_id_fkey", "", "The post has just been deleted.", status=NotFound)
