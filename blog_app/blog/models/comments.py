"""Comments on posts and on images.

The subject of a comment is named by `subject_type` and `subject_id`, without a foreign key. Still, no comment is ever
orphaned: creating a comment locks the post (and the image) against deletion, and deleting a subject permanently
deletes its comments in the same transaction. A comment is visible only to those who may see its subject.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Self
from uuid import UUID

import peewee

from blog_app.blog.content import render_comment
from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.counters import PostCounters
from blog_app.blog.models.images import Image
from blog_app.blog.models.posts import Post
from blog_app.data.models import SoftDeletable
from blog_app.errors import Invalid, explain_constraint
from blog_app.permissions import Scope

STATUSES = ("pending", "approved", "spam")
SUBJECTS = ("post", "image")


class Comment(BlogRecord, SoftDeletable):
    """A comment on a post or an image, or a reply to another comment on the same subject."""

    subject_type = peewee.CharField(max_length=20)
    subject_id = peewee.UUIDField()
    parent = peewee.ForeignKeyField("self", backref="replies", null=True)
    author_id = peewee.UUIDField(index=True)
    content = peewee.TextField()
    content_html = peewee.TextField()
    status = peewee.CharField(max_length=20, default="pending", constraints=[peewee.SQL("DEFAULT 'pending'")])

    class Meta:
        table_name = "comments"
        audited = ("subject_type", "subject_id", "status", "deleted_at")
        redacted = ("content",)
        indexes = ((("subject_id", "id"), False), (("status", "id"), False))
        depends_on = (PostCounters,)  # Seeded before the comments, which are then counted.
        constraints = [
            peewee.Check("subject_type IN ('post', 'image')", name="comments_subject_is_known"),
            peewee.Check("status IN ('pending', 'approved', 'spam')", name="comments_status_is_known"),
        ]

    @classmethod
    def visible_to(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the comments that a caller with this scope may see on subjects that they may see.

        These are the approved ones, their own, or all. A deleted comment that has replies keeps its place in the
        thread, with an empty representation.
        """
        reply = cls.alias()
        has_replies = peewee.fn.EXISTS(reply.select(reply.id).where(reply.parent == cls.id))
        query = cls.with_deleted().where(cls.deleted_at.is_null() | has_replies)
        if scope is Scope.ALL:
            return query
        approved = cls.status == "approved"
        return query.where(approved | (cls.author_id == user_id) if scope is Scope.OWN else approved)

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the comments that a caller with this scope may see."""
        visible = Post.is_visible(scope, user_id)
        post = Post.with_deleted().where(visible & (Post.id == cls.subject_id))
        image = Image.select(Image.id).join(Post).where(visible & (Image.id == cls.subject_id))
        about_post = (cls.subject_type == "post") & peewee.fn.EXISTS(post.select(Post.id))
        about_image = (cls.subject_type == "image") & peewee.fn.EXISTS(image)
        return cls.visible_to(scope, user_id).where(about_post | about_image)

    @classmethod
    def delete_on(cls, subject_type: str, subjects: Any) -> None:
        """Delete the comments on these subjects permanently; the subjects are about to be deleted."""
        cls.delete().where((cls.subject_type == subject_type) & cls.subject_id.in_(subjects)).execute()

    owner_id = property(attrgetter("author_id"))

    @property
    def counts(self) -> bool:
        """Whether the comment counters include it."""
        return self.subject_type == "post" and self.status == "approved" and self.deleted_at is None

    def change(self, **values: Any) -> Self:
        """Write `values`, as a record does, and count it."""
        before = self.counts
        super().change(**values)
        if self.counts != before:
            PostCounters.add_comments(self.subject_id, 1 if self.counts else -1)
        return self

    def save(self, force_insert: bool = False) -> None:
        """Write the comment, as a record does, and count a new one."""
        super().save(force_insert)
        if force_insert and self.counts:
            PostCounters.add_comments(self.subject_id, 1)

    @classmethod
    def after_bulk_load(cls) -> None:
        PostCounters.recount()

    def derive(self) -> None:
        """Compute the sanitized HTML."""
        if "content" in self._dirty:
            self.content_html = render_comment(self.content)


explain_constraint("comments_parent_id_fkey", "parent_id", "The parent comment was just deleted.", status=Invalid)
