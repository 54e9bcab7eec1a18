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
from blog_app.api.execution.reading import kept
from blog_app.api.responses.representation import digest
from blog_app.blog.feeds import atom, json_feed, rss, sitemap
from blog_app.blog.feeds.items import Feed, newest_items
from blog_app.blog.feeds.site import current_site
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.data.cache import Answer, hot
from blog_app.errors import NotFound

FORMATS: dict[str, ModuleType] = {"rss.xml": rss, "atom.xml": atom, "feed.json": json_feed}
FILE = '<any("rss.xml", "atom.xml", "feed.json"):file>'

OF_POSTS = hot(Post, Category, PostTag, Tag, directory.people, until=Post.seconds_to_next_publication)

feeds = flask.Blueprint("feeds", __name__)


@feeds.get(f"/feeds/{FILE}")
@kept
@OF_POSTS
def all_posts(file: str) -> Answer:
    """Get the feed of the newest posts."""
    return _feed(file, "The newest posts")


@feeds.get(f"/feeds/categories/<slug>/{FILE}")
@kept
@OF_POSTS
def posts_in_category(slug: str, file: str) -> Answer:
    """Get the feed of the newest posts in a category and its subcategories."""
    category = _first_or_404(Category.select().where(Category.slug == slug))
    return _feed(file, f"Posts in {category.name}", Post.category.in_(Category.subtree(Category.id == category.id)))


@feeds.get(f"/feeds/tags/<slug>/{FILE}")
@kept
@OF_POSTS
def posts_with_tag(slug: str, file: str) -> Answer:
    """Get the feed of the newest posts with a tag."""
    tag = _first_or_404(Tag.select().where(Tag.slug == slug))
    return _feed(file, f"Posts about {tag.name}", Post.id.in_(tag.posts()))


@feeds.get(f"/feeds/authors/<uuid:author_id>/{FILE}")
@kept
@OF_POSTS
def posts_by_author(author_id: UUID, file: str) -> Answer:
    """Get the feed of the newest posts of an author."""
    author = directory.people([str(author_id)])[str(author_id)]
    return _feed(file, f"Posts by {author['name']}", Post.author_id == author_id)


@feeds.get("/sitemap.xml")
@kept
@OF_POSTS
def whole_sitemap() -> Answer:
    """Get the sitemap, or the sitemap index if there are too many posts for one."""
    body = sitemap.full_sitemap(current_site()) or sitemap.sitemap_index(request.host_url.rstrip("/"))
    return _answer(body, sitemap.MEDIA_TYPE)


@feeds.get("/sitemaps/<int(min=1, max=9999):year>-<int(fixed_digits=2, min=1, max=12):month>.xml")
@kept
@OF_POSTS
def sitemap_of_month(year: int, month: int) -> Answer:
    """Get the sitemap of a month."""
    return _answer(sitemap.monthly_sitemap(current_site(), date(year, month, 1)), sitemap.MEDIA_TYPE)


def _first_or_404(query: Any) -> Any:
    found = query.first()
    if found is None:
        raise NotFound("Feed not found.")
    return found


def _feed(file: str, description: str, *conditions: Any) -> Answer:
    site = current_site()
    title = f"{site.name}: {description}" if conditions else site.name
    feed = Feed(title, description, site.url, request.base_url, newest_items(site, *conditions))
    return _answer(FORMATS[file].write(feed), FORMATS[file].MEDIA_TYPE)


def _answer(body: bytes, media_type: str) -> Answer:
    return Answer(digest(body), time.time(), media_type, "", body)
