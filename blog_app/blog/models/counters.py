"""View and like counters of posts, in their own table: a like neither makes a new version of the post, which would fail
an editor's `If-Match`, nor invalidates cached lists of posts.

Staleness: a response from the primary has exact counters; in a response from the cache or a replica they may be
`COUNTERS_SECONDS` old.
"""

from __future__ import annotations

import peewee

from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.models import Base, TimestampField, now
from blog_app.errors import NotFound, explain_constraint

COUNTERS_SECONDS = 60.0


class PostCounters(Base):
    """The counters of a post; a post that was never viewed or liked has no row."""

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
    """A user's like of a post; the primary key makes it unique."""

    post = peewee.ForeignKeyField(Post, backref="+", on_delete="CASCADE", index=False)
    user_id = peewee.UUIDField(index=True)
    created_at = TimestampField(default=now)

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "likes"
        primary_key = peewee.CompositeKey("post", "user_id")
        depends_on = (PostCounters,)  # Seeded before the likes, which are then counted.

    @classmethod
    def after_bulk_load(cls) -> None:
        counted = cls.select(cls.post, peewee.fn.count(cls.user_id)).group_by(cls.post)
        insert = PostCounters.insert_from(counted, [PostCounters.post, PostCounters.likes])
        insert.on_conflict(conflict_target=[PostCounters.post], preserve=[PostCounters.likes]).execute()


explain_constraint("likes_post_id_fkey", "", "The post was just deleted.", status=NotFound)
explain_constraint("post_counters_post_id_fkey", "", "The post was just deleted.", status=NotFound)
