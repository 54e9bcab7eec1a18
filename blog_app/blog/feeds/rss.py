"""RSS 2.0 (https://www.rssboard.org/rss-specification), with whole texts and authors by the usual modules."""

from __future__ import annotations

from email.utils import format_datetime
from html import escape
from xml.etree import ElementTree

from blog_app.blog.feeds.entries import Entry, Feed
from blog_app.blog.feeds.xml import ATOM, CONTENT, DUBLIN_CORE, Element, add, document

MEDIA_TYPE = "application/rss+xml; charset=utf-8"

for prefix, namespace in (("atom", ATOM), ("content", CONTENT), ("dc", DUBLIN_CORE)):
    ElementTree.register_namespace(prefix, namespace)


def write(feed: Feed) -> bytes:
    """Return the feed as RSS 2.0."""
    root = Element("rss", version="2.0")
    channel = add(root, "channel")
    add(channel, "title", feed.title)
    add(channel, "link", feed.home_url)
    add(channel, "description", feed.description)
    add(channel, "lastBuildDate", format_datetime(feed.updated_at, usegmt=True))
    add(channel, f"{{{ATOM}}}link", href=feed.feed_url, rel="self", type="application/rss+xml")
    for entry in feed.entries:
        _item(add(channel, "item"), entry)
    return document(root)


def _item(item: Element, entry: Entry) -> None:
    add(item, "title", entry.title)
    add(item, "link", entry.url)
    add(item, "guid", entry.id, isPermaLink="false")
    add(item, "pubDate", format_datetime(entry.published_at, usegmt=True))
    add(item, f"{{{DUBLIN_CORE}}}creator", entry.author)
    for topic in entry.topics:
        add(item, "category", topic)
    add(item, "description", escape(entry.summary))  # Readers take it for HTML.
    add(item, f"{{{CONTENT}}}encoded", entry.content_html)
