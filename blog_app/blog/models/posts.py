"""Posts of all kinds: articles and videos are subclasses that share a table (single-table inheritance)."""

from __future__ import annotations

from operator import attrgetter
from typing import Any
from uuid import UUID

import peewee
from playhouse.postgres_ext import BinaryJSONField, TSVectorField

from blog_app.blog.content import (
    MAX_WORD_LENGTH,
    OVERLONG_WORD,
    plain_text,
    reading_time_of,
    render,
    summary_of,
    word_count_of,
)
from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.categories import Category
from blog_app.data.kinds import Kinds
from blog_app.data.models import SoftDeletable, TimestampField
from blog_app.errors import Invalid, explain_constraint, invalid
from blog_app.permissions import Scope

NOW = peewee.fn.now()
STATUSES = ("draft", "published", "archived")
FORMATS = ("markdown", "html")
SEARCH_VECTOR = """GENERATED ALWAYS AS (
    setweight(to_tsvector('english', title), 'A') ||
    setweight(to_tsvector('english', tag_words), 'B') ||
    setweight(to_tsvector('english', left(content_html, 200000)), 'C')
) STORED"""


def _plural(field: peewee.Field) -> str:
    """Return the back reference of a category to its posts, articles or videos."""
    return f"{field.model.__name__.lower()}s"


class Post(Kinds, BlogRecord, SoftDeletable):
    """A post by an author, who is a user of the accounts database."""

    kind = peewee.CharField(max_length=20, default="article", constraints=[peewee.SQL("DEFAULT 'article'")])
    author_id = peewee.UUIDField(index=True)
    title = peewee.CharField(max_length=150)
    slug = peewee.CharField(max_length=180, unique=True)
    content = peewee.TextField()
    content_format = peewee.CharField(max_length=20, default="markdown", constraints=[peewee.SQL("DEFAULT 'markdown'")])
    content_html = peewee.TextField()
    summary = peewee.TextField()
    word_count = peewee.IntegerField()
    status = peewee.CharField(max_length=20, default="draft", constraints=[peewee.SQL("DEFAULT 'draft'")])
    published_at = TimestampField(null=True)
    category = peewee.ForeignKeyField(Category, backref=_plural, null=True, on_delete="SET NULL")
    metadata = BinaryJSONField(default=dict, index=False, constraints=[peewee.SQL("DEFAULT '{}'")])
    # Fields of some kinds only.
    excerpt = peewee.TextField(null=True)
    reading_time = peewee.IntegerField(null=True)
    url = peewee.TextField(null=True)
    duration = peewee.IntegerField(null=True)
    # Read by the full-text search only.
    tag_words = peewee.TextField(default="", constraints=[peewee.SQL("DEFAULT ''")])
    search = TSVectorField(null=True, constraints=[peewee.SQL(SEARCH_VECTOR)])

    class Meta:
        table_name = "posts"
        discriminator = "kind"
        audited = ("kind", "title", "slug", "status", "published_at", "category", "content_format", "deleted_at")
        redacted = ("content", "excerpt", "metadata", "url", "duration")
        indexes = ((("published_at", "id"), False),)
        constraints = [
            peewee.Check("kind IN ('article', 'video')", name="posts_kind_is_known"),
            peewee.Check("kind <> 'video' OR url IS NOT NULL", name="posts_videos_have_a_url"),
            peewee.Check("content_format IN ('markdown', 'html')", name="posts_format_is_known"),
            peewee.Check("status IN ('draft', 'published', 'archived')", name="posts_status_is_known"),
            peewee.Check("status <> 'published' OR published_at IS NOT NULL", name="posts_published_has_a_time"),
        ]

    @classmethod
    def select(cls, *fields: Any) -> Any:
        """Return a query for posts that are not deleted, without the search vector."""
        return super().select(*(fields or [field for field in cls._meta.sorted_fields if field is not cls.search]))

    @classmethod
    def is_public(cls) -> peewee.Expression:
        """Return the condition that a post is public: its publication time has passed, so scheduling needs no cron."""
        return (cls.status == "published") & (cls.published_at <= NOW)

    @classmethod
    def is_visible(cls, scope: Scope, user_id: UUID | None) -> peewee.Expression:
        """Return the condition that a caller with this scope may see a post: public, their own, or any."""
        not_deleted = cls.deleted_at.is_null()
        if scope is Scope.ALL:
            return not_deleted
        return not_deleted & (cls.is_public() | (cls.author_id == user_id) if scope is Scope.OWN else cls.is_public())

    @classmethod
    def within(cls, scope: Scope, user_id: UUID | None) -> Any:
        """Return the posts that a caller with this scope may see."""
        return cls.select().where(cls.is_visible(scope, user_id))

    @classmethod
    def seconds_to_next_publication(cls) -> float | None:
        """Return the seconds until the next scheduled post is public, None if none is scheduled."""
        seconds = peewee.fn.DATE_PART("epoch", peewee.fn.MIN(cls.published_at) - NOW)
        return cls.select(seconds).where((cls.status == "published") & (cls.published_at > NOW)).scalar()

    owner_id = property(attrgetter("author_id"))

    @property
    def tags(self) -> list[str]:
        """The slugs of the post's tags."""
        return [link.tag.slug for link in self.post_tags.order_by(peewee.SQL("tag_id"))]

    def derive(self) -> None:
        """Compute the fields derived from the content: sanitized HTML, summary, word count."""
        if self._dirty & {"content", "content_format"}:
            self.content, self.content_html = render(self.content, self.content_format)
            if OVERLONG_WORD.search(self.content_html):
                raise invalid("content", f"A word cannot be longer than {MAX_WORD_LENGTH} characters.")
        if self._dirty & {"content_html", "excerpt"}:
            text = plain_text(self.content_html)
            self.summary = self.excerpt or summary_of(text)
            self.word_count = word_count_of(text)


class Article(Post):
    """A text to read."""

    class Meta:
        table_name = "posts"
        kind = "article"

    def derive(self) -> None:
        """Compute the derived fields, including the reading time."""
        super().derive()
        if "word_count" in self._dirty:
            self.reading_time = reading_time_of(self.word_count)


class Video(Post):
    """A video at `url`, `duration` seconds long."""

    class Meta:
        table_name = "posts"
        kind = "video"


# For case-insensitive prefixes of titles.
Post.add_index(Post.index(peewee.SQL("lower(title) text_pattern_ops"), name="posts_title_prefix"))
# For lists of any kind but the common one, newest first.
Post.add_index(Post.index(Post.published_at, Post.id, where=peewee.SQL("kind <> 'article'"), name="posts_rare_kinds"))
explain_constraint("posts_category_id_fkey", "category_id", "Category not found.", status=Invalid)
explain_constraint("posts_slug", "slug", "This slug is already taken.")
