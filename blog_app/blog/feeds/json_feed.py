"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

from blog_app.api.responses.representation import render
from blog_app.blog.feeds.entries import Entry, Feed
from blog_app.blog.feeds.xml import iso

MEDIA_TYPE = "application/feed+json"


def write(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed."""
    return render(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "description": feed.description,
            "home_page_url": feed.home_url,
            "feed_url": feed.feed_url,
            "items": [_item(entry) for entry in feed.entries],
        }
    )


def _item(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id,
        "url": entry.url,
        "title": entry.title,
        "summary": entry.summary,
        "content_html": entry.content_html,
        "date_published": iso(entry.published_at),
        "date_modified": iso(entry.updated_at),
        "authors": [{"name": entry.author}],
        "tags": list(entry.topics),
    }
