"""Atom feeds (RFC 4287)."""

from __future__ import annotations

from blog_app.blog.feeds.items import Feed, Item
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
        _item(add(root, "entry"), item)
    return to_bytes(root)


def _item(element: Element, item: Item) -> None:
    add(element, "id", item.id)
    add(element, "title", item.title)
    add(element, "published", rfc3339(item.published_at))
    add(element, "updated", rfc3339(item.updated_at))
    add(element, "link", rel="alternate", href=item.url)
    add(add(element, "author"), "name", item.author)
    for topic in item.topics:
        add(element, "category", term=topic)
    add(element, "summary", item.summary)
    add(element, "content", item.content_html, type="html")
