"""Atom (RFC 4287)."""

from __future__ import annotations

from blog_app.blog.feeds.entries import Entry, Feed
from blog_app.blog.feeds.xml import ATOM, Element, add, document, iso

MEDIA_TYPE = "application/atom+xml; charset=utf-8"


def write(feed: Feed) -> bytes:
    """Return the feed as Atom."""
    root = Element("feed", xmlns=ATOM)
    add(root, "id", feed.feed_url)
    add(root, "title", feed.title)
    add(root, "subtitle", feed.description)
    add(root, "updated", iso(feed.updated_at))
    add(root, "link", rel="self", type="application/atom+xml", href=feed.feed_url)
    add(root, "link", rel="alternate", href=feed.home_url)
    for entry in feed.entries:
        _entry(add(root, "entry"), entry)
    return document(root)


def _entry(element: Element, entry: Entry) -> None:
    add(element, "id", entry.id)
    add(element, "title", entry.title)
    add(element, "published", iso(entry.published_at))
    add(element, "updated", iso(entry.updated_at))
    add(element, "link", rel="alternate", href=entry.url)
    add(add(element, "author"), "name", entry.author)
    for topic in entry.topics:
        add(element, "category", term=topic)
    add(element, "summary", entry.summary)
    add(element, "content", entry.content_html, type="html")
