"""The absolute URLs of the site and its posts, for feeds and sitemaps."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from blog_app.config import settings


@dataclass(frozen=True)
class Site:
    """The site that shows the posts; if none is configured, the API itself."""

    name: str
    url: str
    posts: str

    def post_url(self, slug: str) -> str:
        """Return the URL of the post with this slug."""
        return f"{self.posts}/{slug}"


def current_site() -> Site:
    """Return the site of the current request: `SITE_URL`, else the requested host."""
    configured = settings().site_url
    if configured:
        url = configured.rstrip("/")
        return Site(settings().site_name, url, f"{url}/posts")
    url = request.host_url.rstrip("/")
    return Site(settings().site_name, url, f"{url}/api/v1/posts")
