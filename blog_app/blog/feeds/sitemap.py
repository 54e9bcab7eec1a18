"""Sitemaps (https://www.sitemaps.org/protocol.html): one file, or, past what a file may hold, one for each month."""

from __future__ import annotations

from datetime import date, datetime

import peewee

from blog_app.blog.feeds.site import Site
from blog_app.blog.feeds.xml import SITEMAP, Element, add, document, iso
from blog_app.blog.models import Post
from blog_app.data.models import rows_of

MOST = 50_000
"""URLs that a file may hold, by the protocol."""
MEDIA_TYPE = "application/xml; charset=utf-8"


def whole(site: Site) -> bytes | None:
    """Return the sitemap of all posts that are out, None if there are too many for one."""
    rows = _posts(MOST + 1)
    return _urls(site, rows) if len(rows) <= MOST else None


def of_month(site: Site, month: date) -> bytes:
    """Return the sitemap of the posts that were published in a month (UTC), which its first day names."""
    return _urls(site, _posts(MOST, peewee.fn.date_trunc("month", Post.published_at) == month))


def index(root_url: str) -> bytes:
    """Return the list of the sitemaps of all months."""
    month = peewee.fn.date_trunc("month", Post.published_at)
    changed = peewee.fn.max(peewee.fn.greatest(Post.updated_at, Post.published_at))
    query = Post.select(month, changed).where(Post.is_out()).group_by(month).order_by(month.desc())
    root = Element("sitemapindex", xmlns=SITEMAP)
    for first_day, last_change in rows_of(query):
        sitemap = add(root, "sitemap")
        add(sitemap, "loc", f"{root_url}/sitemaps/{first_day:%Y-%m}.xml")
        add(sitemap, "lastmod", iso(last_change))
    return document(root)


def _posts(most: int, *conditions: peewee.Expression) -> list[tuple[str, datetime]]:
    columns = (Post.slug, peewee.fn.greatest(Post.updated_at, Post.published_at))
    query = Post.select(*columns).where(Post.is_out(), *conditions)
    return rows_of(query.order_by(Post.published_at.desc(), Post.id.desc()).limit(most))


def _urls(site: Site, rows: list[tuple[str, datetime]]) -> bytes:
    root = Element("urlset", xmlns=SITEMAP)
    for slug, changed_at in rows:
        url = add(root, "url")
        add(url, "loc", site.post_url(slug))
        add(url, "lastmod", iso(changed_at))
    return document(root)
