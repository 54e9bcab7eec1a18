"""Counters of the views, likes and comments of posts, in their own table.

A like neither makes a new version of the post, which would fail an editor's `If-Match`, nor invalidates cached lists.

Staleness: a response from the primary has exact counters; in a response from the cache or a replica they may be
`COUNTERS_SECONDS` old. Comments count while others see them: approved, and not deleted. What was written without the
models, or by a release that did not count, is put right once a day (`recount`).
"""

from __future__ import annotations

from uuid import UUID

import peewee

from blog_app.blog.models.posts import Post
from blog_app.data import databases
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.data.models import Base, TimestampField, now
from blog_app.errors import NotFound, explain_constraint

COUNTERS_SECONDS = 60.0
# Not by Peewee, which would compile it anew for each new post.
ADD_COMMENTS = DeclaredSQL(
    "INSERT INTO blog.post_counters AS counted (post_id, views, likes, comments) VALUES (%s, 0, 0, %s) "
    "ON CONFLICT (post_id) DO UPDATE SET comments = counted.comments + excluded.comments"
)
# It adds differences as one snapshot sees them, so that what is counted meanwhile is not lost.
RECOUNT = DeclaredSQL("""
INSERT INTO blog.post_counters (post_id, comments)
SELECT posts.id, coalesce(counted.comments, 0) - coalesce(seen.comments, 0)
  FROM blog.posts
  LEFT JOIN blog.post_counters AS seen ON seen.post_id = posts.id
  LEFT JOIN (
       SELECT subject_id, count(*) AS comments FROM blog.comments
        WHERE subject_type = 'post' AND status = 'approved' AND deleted_at IS NULL
        GROUP BY subject_id
       ) AS counted ON counted.subject_id = posts.id
 WHERE seen.post_id IS NULL OR seen.comments <> coalesce(counted.comments, 0)
 ORDER BY posts.id
    ON CONFLICT (post_id) DO UPDATE SET comments = post_counters.comments + EXCLUDED.comments
""")


class PostCounters(Base):
    """The counters of a post. Only a post that was written without the models may have no row, until `recount`."""

    post = peewee.ForeignKeyField(Post, backref="+", on_delete="CASCADE", primary_key=True)
    views = peewee.BigIntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    likes = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    comments = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        database = databases.blog
        schema = "blog"
        table_name = "post_counters"
        watermarked = False
        indexes = ((("views", "post"), False), (("likes", "post"), False))
        constraints = [peewee.Check("views >= 0 AND likes >= 0", name="post_counters_are_not_negative")]

    @classmethod
    def add_comments(cls, post_id: UUID, number: int) -> None:
        """Add to the comment counter of a post, which a new post has from 0 on; a pipelined statement."""
        databases.blog.pipeline(ADD_COMMENTS, (post_id, number))

    @classmethod
    def recount(cls) -> None:
        """Count the comments of all posts again, and give a row to posts that have none."""
        databases.blog.execute_declared(RECOUNT, [], set())


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
