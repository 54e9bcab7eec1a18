"""What a feed holds, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import peewee

from blog_app.accounts import directory
from blog_app.blog.feeds.site import Site
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.data.models import rows_of

NEWEST = 20
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """A post in a feed."""

    id: str
    """A name that stays the same wherever the site moves: a URN (RFC 9562)."""
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
    """The newest posts of something, in their order."""

    title: str
    description: str
    home_url: str
    feed_url: str
    entries: tuple[Entry, ...]

    @property
    def updated_at(self) -> datetime:
        """When anything in the feed changed last, so that the same posts make the same bytes."""
        return max((entry.updated_at for entry in self.entries), default=NEVER)


def newest(site: Site, *conditions: peewee.Expression) -> tuple[Entry, ...]:
    """Return the newest posts that are out and fit the conditions: one statement, and one for their authors."""
    tags = PostTag.select(peewee.fn.array_agg(Tag.name).order_by(Tag.name)).join(Tag).where(PostTag.post == Post.id)
    columns = (Post.id, Post.slug, Post.title, Post.summary, Post.content_html, Post.published_at, Post.updated_at)
    query = (
        Post.select(*columns, Post.author_id, Category.name, tags)
        .join(Category, peewee.JOIN.LEFT_OUTER)
        .where(Post.is_out(), *conditions)
        .order_by(Post.published_at.desc(), Post.id.desc())
        .limit(NEWEST)
    )
    rows = rows_of(query)
    authors = directory.people(list({row[7] for row in rows})) if rows else {}
    return tuple(_entry(site, authors, *row) for row in rows)


def _entry(
    site: Site,
    authors: dict[str, dict[str, Any]],
    post_id: str,
    slug: str,
    title: str,
    summary: str,
    content_html: str,
    published_at: datetime,
    updated_at: datetime,
    author_id: str,
    category: str | None,
    tags: list[str] | None,
) -> Entry:
    return Entry(
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
