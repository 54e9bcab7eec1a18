"""Where the site is that shows the posts: feeds and sitemaps need whole URLs."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from blog_app.config import settings


@dataclass(frozen=True)
class Site:
    """A site and its posts; without a configured one, the API is the site."""

    name: str
    url: str
    posts: str

    def post_url(self, slug: str) -> str:
        """Return the URL of the post with this slug."""
        return f"{self.posts}/{slug}"


def current_site() -> Site:
    """Return the site of the current request: `SITE_URL`, or where this request was sent."""
    configured = settings().site_url
    if configured:
        url = configured.rstrip("/")
        return Site(settings().site_name, url, f"{url}/posts")
    url = request.host_url.rstrip("/")
    return Site(settings().site_name, url, f"{url}/api/v1/posts")
