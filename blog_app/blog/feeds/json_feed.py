"""JSON feeds (JSON Feed 1.1, https://www.jsonfeed.org/version/1.1/)."""

from __future__ import annotations

from blog_app.api.responses.json_encoder import to_json
from blog_app.blog.feeds.items import Feed
from blog_app.blog.feeds.xml import rfc3339

MEDIA_TYPE = "application/feed+json"


def write(feed: Feed) -> bytes:
    """Return the feed as a JSON Feed."""
    return to_json(
        {
            "version": "https://jsonfeed.org/version/1.1",
            "title": feed.title,
            "description": feed.description,
            "home_page_url": feed.home_url,
            "feed_url": feed.feed_url,
            "items": [
                {
                    "id": item.id,
                    "url": item.url,
                    "title": item.title,
                    "summary": item.summary,
                    "content_html": item.content_html,
                    "date_published": rfc3339(item.published_at),
                    "date_modified": rfc3339(item.updated_at),
                    "authors": [{"name": item.author}],
                    "tags": list(item.topics),
                }
                for item in feed.items
            ],
        }
    )
