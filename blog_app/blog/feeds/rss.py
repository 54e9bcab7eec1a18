"""RSS 2.0 feeds (https://www.rssboard.org/rss-specification), with full content and authors by the usual modules."""

from __future__ import annotations

from email.utils import format_datetime
from html import escape
from xml.etree import ElementTree

from blog_app.blog.feeds.items import Feed
from blog_app.blog.feeds.xml import ATOM, CONTENT, DUBLIN_CORE, Element, add, to_bytes

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
    for item in feed.items:
        element = add(channel, "item")
        add(element, "title", item.title)
        add(element, "link", item.url)
        add(element, "guid", item.id, isPermaLink="false")
        add(element, "pubDate", format_datetime(item.published_at, usegmt=True))
        add(element, f"{{{DUBLIN_CORE}}}creator", item.author)
        for topic in item.topics:
            add(element, "category", topic)
        add(element, "description", escape(item.summary))  # Feed readers parse it as HTML.
        add(element, f"{{{CONTENT}}}encoded", item.content_html)
    return to_bytes(root)
