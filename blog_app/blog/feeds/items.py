"""The contents of a feed, whatever its format, and the absolute URLs of the site and its posts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import peewee
from flask import request

from blog_app.accounts import directory
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.config import settings
from blog_app.data.models import fetch_rows, not_deleted

MAX_ITEMS = 20
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Site:
    """The site that shows the posts; if none is configured, the API itself."""

    name: str
    url: str
    posts: str

    def post_url(self, slug: str) -> str:
        """Return the URL of the post with this slug."""
        return f"{self.posts}/{slug}"


def current_site() -> Site:
    """Return the site of the current request: `SITE_URL`, else the requested host."""
    url = (settings().site_url or request.host_url).rstrip("/")
    return Site(settings().site_name, url, f"{url}/posts" if settings().site_url else f"{url}/api/v1/posts")


@dataclass(frozen=True)
class Item:
    """A post in a feed."""

    id: str
    """A URN (RFC 9562), which stays the same if the site moves."""
    url: str
    title: str
    summary: str
    content_html: str
    published_at: datetime
    updated_at: datetime
    author: str
    topics: tuple[str, ...]
    """The names of the category, if any, and of the tags."""


@dataclass(frozen=True)
class Feed:
    """The title, the links and the newest posts of a feed."""

    title: str
    description: str
    home_url: str
    feed_url: str
    items: tuple[Item, ...]

    @property
    def updated_at(self) -> datetime:
        """When an item changed last; the same posts give the same bytes."""
        return max((item.updated_at for item in self.items), default=NEVER)


def newest_items(site: Site, *conditions: peewee.Expression) -> tuple[Item, ...]:
    """Return the newest public posts that match the conditions: one statement, and one for their authors."""
    tags = PostTag.select(peewee.fn.array_agg(Tag.name).order_by(Tag.name)).join(Tag).where(PostTag.post == Post.id)
    columns = (Post.id, Post.slug, Post.title, Post.summary, Post.content_html, Post.published_at, Post.updated_at)
    query = (
        Post.select(*columns, Post.author_id, Category.name, tags)
        .join(Category, peewee.JOIN.LEFT_OUTER, on=(Post.category == Category.id) & not_deleted(Category))
        .where(Post.is_public(), *conditions)
        .order_by(Post.published_at.desc(), Post.id.desc())
        .limit(MAX_ITEMS)
    )
    rows = fetch_rows(query)
    authors = directory.people(list({row[7] for row in rows})) if rows else {}
    return tuple(
        Item(
            id=UUID(post_id).urn,
            url=site.post_url(slug),
            title=title,
            summary=summary,
            content_html=content_html,
            published_at=published_at,
            updated_at=max(published_at, updated_at),
            author=authors[author_id]["name"],
            topics=((category,) if category else ()) + tuple(tags or ()),
        )
        for post_id, slug, title, summary, content_html, published_at, updated_at, author_id, category, tags in rows
    )
