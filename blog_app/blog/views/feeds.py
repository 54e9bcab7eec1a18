"""Endpoints of feeds and sitemaps: public, and outside the API's prefix, where feed readers and search engines look."""

from __future__ import annotations

import time
from datetime import date
from types import ModuleType
from typing import Any
from uuid import UUID

import flask
from flask import request

from blog_app.accounts import directory
from blog_app.api.execution.reads import cached_view
from blog_app.api.responses.etag import digest
from blog_app.blog.feeds import atom, json_feed, rss, sitemap
from blog_app.blog.feeds.items import Feed, current_site, newest_items
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.data.cache import Representation, hot
from blog_app.errors import NotFound

FORMATS: dict[str, ModuleType] = {"rss.xml": rss, "atom.xml": atom, "feed.json": json_feed}
FILE = '<any("rss.xml", "atom.xml", "feed.json"):file>'

READS_POSTS = hot(Post, Category, PostTag, Tag, directory.people, until=Post.seconds_to_next_publication)

feeds = flask.Blueprint("feeds", __name__)


@feeds.get(f"/feeds/{FILE}")
@cached_view
@READS_POSTS
def all_posts(file: str) -> Representation:
    """Get the feed of the newest posts."""
    return _feed(file, "The newest posts")


@feeds.get(f"/feeds/categories/<slug>/{FILE}")
@cached_view
@READS_POSTS
def posts_in_category(slug: str, file: str) -> Representation:
    """Get the feed of the newest posts in a category and its subcategories."""
    category = _first_or_404(Category.select().where(Category.slug == slug))
    return _feed(file, f"Posts in {category.name}", Post.category.in_(Category.subtree(Category.id == category.id)))


@feeds.get(f"/feeds/tags/<slug>/{FILE}")
@cached_view
@READS_POSTS
def posts_with_tag(slug: str, file: str) -> Representation:
    """Get the feed of the newest posts with a tag."""
    tag = _first_or_404(Tag.select().where(Tag.slug == slug))
    return _feed(file, f"Posts about {tag.name}", Post.id.in_(tag.posts()))


@feeds.get(f"/feeds/authors/<uuid:author_id>/{FILE}")
@cached_view
@READS_POSTS
def posts_by_author(author_id: UUID, file: str) -> Representation:
    """Get the feed of the newest posts of an author."""
    author = directory.people([str(author_id)])[str(author_id)]
    return _feed(file, f"Posts by {author['name']}", Post.author_id == author_id)


@feeds.get("/sitemap.xml")
@cached_view
@READS_POSTS
def whole_sitemap() -> Representation:
    """Get the sitemap, or the sitemap index if there are too many posts for one."""
    body = sitemap.full_sitemap(current_site()) or sitemap.sitemap_index(request.host_url.rstrip("/"))
    return _representation(body, sitemap.MEDIA_TYPE)


@feeds.get("/sitemaps/<int(min=1, max=9999):year>-<int(fixed_digits=2, min=1, max=12):month>.xml")
@cached_view
@READS_POSTS
def sitemap_of_month(year: int, month: int) -> Representation:
    """Get the sitemap of a month."""
    return _representation(sitemap.monthly_sitemap(current_site(), date(year, month, 1)), sitemap.MEDIA_TYPE)


def _first_or_404(query: Any) -> Any:
    found = query.first()
    if found is None:
        raise NotFound("Feed not found.")
    return found


def _feed(file: str, description: str, *conditions: Any) -> Representation:
    site = current_site()
    title = f"{site.name}: {description}" if conditions else site.name
    feed = Feed(title, description, site.url, request.base_url, newest_items(site, *conditions))
    return _representation(FORMATS[file].write(feed), FORMATS[file].MEDIA_TYPE)


def _representation(body: bytes, media_type: str) -> Representation:
    return Representation(digest(body), time.time(), media_type, "", body)
