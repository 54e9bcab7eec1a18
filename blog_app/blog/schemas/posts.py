"""Schemas of posts. A post is shown with the fields of all kinds, because lists mix them; its kind decides which ones
can be written.
"""

from __future__ import annotations

from typing import Any

import peewee
from marshmallow import ValidationError, fields as ma, validate, validates_schema

from blog_app.accounts.schemas import author
from blog_app.api import Schema, auth
from blog_app.api.requests.query_string import DEFAULT_LIMIT
from blog_app.api.resources.fields import Integer, Slug, String, Timestamp, Url
from blog_app.api.resources.filters import Filter
from blog_app.api.resources.includes import belongs_to, has_first, has_many, many_to_many
from blog_app.api.resources.schema import PerRequest
from blog_app.blog import content, search
from blog_app.blog.models import Category, Comment, Image, Like, Post, PostTag, Tag
from blog_app.blog.models.posts import FORMATS, STATUSES
from blog_app.blog.schemas.comments import CommentSchema
from blog_app.blog.schemas.images import ImageSchema
from blog_app.blog.schemas.metadata import COUNTED, COUNTERS, METADATA, ORDERS, Metadata
from blog_app.blog.schemas.taxonomy import CategorySchema, TagSchema
from blog_app.permissions import Scope

MAX_TAGS = 20
MAX_SLUG = 170
DAY = 24 * 60 * 60


def _in_category(operator: str, value: Any) -> peewee.Expression:
    slugs = value if operator == "in" else [value]
    return Post.category.in_(Category.subtree(Category.slug.in_(slugs)))


def _with_tag(operator: str, value: Any) -> peewee.Expression:
    slugs = value if operator == "in" else [value]
    return Post.id.in_(PostTag.select(PostTag.post).join(Tag).where(Tag.slug.in_(slugs)))


def _likes_of_caller() -> Any:
    mine = Like.select(peewee.SQL("1")).where((Like.post == Post.id) & (Like.user_id == auth.user_id()))
    return peewee.fn.EXISTS(mine)


LIKED = PerRequest(_likes_of_caller)

_public_comments = Comment.visible_to(Scope.PUBLIC, None).where(
    (Comment.subject_type == "post") & (Comment.subject_id == Post.id)
)


class PostFields(Schema):
    """The fields of posts of all kinds."""

    class Meta:
        model = Post

    id = ma.UUID(dump_only=True)
    kind = ma.String(dump_only=True, validate=validate.OneOf(tuple(Post._meta.kinds)))
    title = String(required=True, min_length=3, max_length=150, metadata={"example": "On the making of tea"})
    slug = Slug(
        source="title",
        max_length=MAX_SLUG,
        also=" Former slugs redirect to the current one.",
        metadata={"example": "on-the-making-of-tea"},
    )
    content = String(
        required=True,
        min_length=1,
        max_length=content.MAX_HTML_LENGTH,
        strip=False,
        metadata={
            "example": "*Boil* water.",
            "description": f"At most {content.MAX_LENGTH} characters; HTML that was returned can have more.",
        },
    )
    content_format = ma.String(
        load_default="markdown",
        validate=validate.OneOf(FORMATS),
        metadata={
            "description": "Markdown is stored as written, HTML is sanitized before it is stored. "
            "At most 100 levels and 20,000 elements; Markdown has at most 10,000 lines."
        },
    )
    content_html = String(dump_only=True, metadata={"description": "The content as sanitized HTML."})
    summary = String(dump_only=True, metadata={"description": "The excerpt, or the beginning of the content."})
    word_count = Integer(dump_only=True, metadata={"description": "The number of words in the content."})
    excerpt = String(dump_only=True, allow_none=True, max_length=500)
    url = Url(dump_only=True, allow_none=True)
    duration = Integer(dump_only=True, allow_none=True, minimum=1, maximum=DAY, metadata={"description": "In seconds."})
    status = ma.String(dump_only=True, validate=validate.OneOf(STATUSES))
    author_id = ma.UUID(dump_only=True)
    category_id = ma.UUID(load_default=None, allow_none=True)
    metadata = Metadata(
        load_default=dict,
        metadata={
            "description": "Your own keys, and the read-only `views`, `likes` and `reading_time` (in minutes). "
            "In a cached response the counters may be up to a minute old."
        },
    )
    comments_count = Integer(
        dump_only=True,
        metadata={"description": "Approved comments. In a cached response counters may be up to a minute old."},
    )
    likes_count = Integer(dump_only=True, metadata={"description": "Also `likes` of `metadata`."})
    published_at = Timestamp(dump_only=True, allow_none=True)
    created_at = Timestamp(dump_only=True)
    updated_at = Timestamp(dump_only=True)
    tags = ma.List(
        String(min_length=1, max_length=60),
        load_only=True,
        load_default=list,
        validate=validate.Length(max=MAX_TAGS),
        metadata={
            "description": "The slugs or names of the post's tags. To read them, use `include=tags`.",
            "example": ["tea"],
        },
    )


class ArticleSchema(PostFields):
    """An article."""

    kind = ma.String(load_default="article", validate=validate.OneOf(("article",)))
    excerpt = String(load_default=None, allow_none=True, min_length=1, max_length=500)


class VideoSchema(PostFields):
    """A video."""

    kind = ma.String(required=True, validate=validate.OneOf(("video",)))
    url = Url(required=True, metadata={"example": "https://videos.example.com/kettle.mp4"})
    duration = Integer(
        load_default=None, allow_none=True, minimum=1, maximum=DAY, metadata={"description": "In seconds."}
    )


class PublicationSchema(Schema):
    """The publication time of a post."""

    published_at = Timestamp(
        load_default=None,
        allow_none=True,
        metadata={"description": "Defaults to now. A future time schedules the post."},
    )


class StatusFields(PublicationSchema):
    """What a new post may have besides its content: it can be published at once."""

    status = ma.String(load_default="draft", validate=validate.OneOf(("draft", "published")))

    @validates_schema
    def require_status(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Raise `ValidationError` for a time at which a draft would be published."""
        if data.get("published_at") and data.get("status") != "published":
            raise ValidationError({"published_at": ["Needs the status published."]})


class NewArticleSchema(StatusFields, ArticleSchema):
    """A new article."""


class NewVideoSchema(StatusFields, VideoSchema):
    """A new video."""


class NewPostSchema(PostFields):
    """A new post."""

    class Meta:
        model = Post
        kinds = {"article": NewArticleSchema, "video": NewVideoSchema}


class PostSchema(PostFields):
    """A post. Fields of other kinds are null."""

    class Meta:
        model = Post
        kinds = {"article": ArticleSchema, "video": VideoSchema}
        hook_columns = (Post.id, Post.author_id)
        columns = {
            "metadata": METADATA,
            "relevance": search.RELEVANCE,
            "snippet": search.SNIPPET,
            "liked": LIKED,
            **COUNTED,
        }
        extensions = (COUNTERS,)
        orders = ORDERS
        per_caller = {"liked": (Like,)}
        filterable = (
            "kind", "title", "slug", "status", "author_id", "category_id", "word_count",
            "published_at", "created_at", "updated_at",
        )  # fmt: skip
        filters = {
            "category": Filter(String(metadata={"example": "kitchen"}), ("eq", "in"), _in_category),
            "tag": Filter(String(metadata={"example": "tea"}), ("eq", "in"), _with_tag),
        }
        sortable = ("published_at", "created_at", "updated_at", "title")
        sort = ("-published_at", "-id")
        search = search.SEARCH
        includes = {
            "author": author(Post.author_id),
            "category": belongs_to(CategorySchema, Post.category),
            "tags": many_to_many(TagSchema, Post.id, PostTag.post, PostTag.tag),
            "images": has_many(ImageSchema, Post.id, Image.post),
            "comments": has_first(CommentSchema, Post.id, _public_comments, DEFAULT_LIMIT),
        }

    liked = ma.Boolean(
        dump_only=True,
        metadata={"description": "Whether you like the post. Only with `include=liked`, or in `fields`."},
    )
    relevance = Integer(dump_only=True, metadata={"description": "How well the post matches. Only with `q`."})
    snippet = String(
        dump_only=True,
        metadata={"description": "The matching part of the content as HTML, with matches in `<mark>`. Only with `q`."},
    )


class RelatedPostSchema(PostFields):
    """A post that shares tags with another post."""

    class Meta:
        model = Post
        columns = {"metadata": METADATA, "shared_tags": peewee.SQL('"related"."shared_tags"'), **COUNTED}
        extensions = (COUNTERS,)
        sortable = ("shared_tags", "published_at")
        sort = ("-shared_tags", "-id")
        includes = {
            name: include for name, include in PostSchema.opts.includes.items() if name not in ("images", "comments")
        }

    shared_tags = Integer(dump_only=True, metadata={"description": "The number of shared tags."})


class LikeSchema(Schema):
    """Whether you like a post, and its number of likes."""

    liked = ma.Boolean(dump_only=True)
    likes = Integer(dump_only=True)
