"""Atom feeds (RFC 4287)."""

from __future__ import annotations

from blog_app.blog.feeds.items import Feed
from blog_app.blog.feeds.xml import ATOM, Element, add, rfc3339, to_bytes

MEDIA_TYPE = "application/atom+xml; charset=utf-8"


def write(feed: Feed) -> bytes:
    """Return the feed as Atom."""
    root = Element("feed", xmlns=ATOM)
    add(root, "id", feed.feed_url)
    add(root, "title", feed.title)
    add(root, "subtitle", feed.description)
    add(root, "updated", rfc3339(feed.updated_at))
    add(root, "link", rel="self", type="application/atom+xml", href=feed.feed_url)
    add(root, "link", rel="alternate", href=feed.home_url)
    for item in feed.items:
        entry = add(root, "entry")
        add(entry, "id", item.id)
        add(entry, "title", item.title)
        add(entry, "published", rfc3339(item.published_at))
        add(entry, "updated", rfc3339(item.updated_at))
        add(entry, "link", rel="alternate", href=item.url)
        add(add(entry, "author"), "name", item.author)
        for topic in item.topics:
            add(entry, "category", term=topic)
        add(entry, "summary", item.summary)
        add(entry, "content", item.content_html, type="html")
    return to_bytes(root)
