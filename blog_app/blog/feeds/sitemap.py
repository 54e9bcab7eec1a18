"""Sitemaps (https://www.sitemaps.org/protocol.html): one file, or, above its maximum size, one for each month."""

from __future__ import annotations

from datetime import date, datetime

import peewee

from blog_app.blog.feeds.items import Site
from blog_app.blog.feeds.xml import SITEMAP, Element, add, rfc3339, to_bytes
from blog_app.blog.models import Post
from blog_app.data.models import fetch_rows

MAX_URLS = 50_000
"""The protocol's limit for one file."""
MEDIA_TYPE = "application/xml; charset=utf-8"


def full_sitemap(site: Site) -> bytes | None:
    """Return the sitemap of all public posts, None if there are too many for one file."""
    rows = _posts(MAX_URLS + 1)
    return _urls(site, rows) if len(rows) <= MAX_URLS else None


def monthly_sitemap(site: Site, month: date) -> bytes:
    """Return the sitemap of the posts published in a month (UTC), given by its first day."""
    return _urls(site, _posts(MAX_URLS, peewee.fn.date_trunc("month", Post.published_at) == month))


def sitemap_index(root_url: str) -> bytes:
    """Return the sitemap index, which lists the sitemap of each month."""
    month = peewee.fn.date_trunc("month", Post.published_at)
    changed = peewee.fn.max(peewee.fn.greatest(Post.updated_at, Post.published_at))
    query = Post.select(month, changed).where(Post.is_public()).group_by(month).order_by(month.desc())
    root = Element("sitemapindex", xmlns=SITEMAP)
    for first_day, last_change in fetch_rows(query):
        sitemap = add(root, "sitemap")
        add(sitemap, "loc", f"{root_url}/sitemaps/{first_day:%Y-%m}.xml")
        add(sitemap, "lastmod", rfc3339(last_change))
    return to_bytes(root)


def _posts(most: int, *conditions: peewee.Expression) -> list[tuple[str, datetime]]:
    columns = (Post.slug, peewee.fn.greatest(Post.updated_at, Post.published_at))
    query = Post.select(*columns).where(Post.is_public(), *conditions)
    return fetch_rows(query.order_by(Post.published_at.desc(), Post.id.desc()).limit(most))


def _urls(site: Site, rows: list[tuple[str, datetime]]) -> bytes:
    root = Element("urlset", xmlns=SITEMAP)
    for slug, changed_at in rows:
        url = add(root, "url")
        add(url, "loc", site.post_url(slug))
        add(url, "lastmod", rfc3339(changed_at))
    return to_bytes(root)
