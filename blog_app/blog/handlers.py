"""What the blog does when something happened elsewhere."""

from __future__ import annotations

from blog_app.background import outbox
from blog_app.blog import reactions
from blog_app.data import databases


@outbox.on("posts.viewed", databases.blog)
def count_views(event: outbox.Event) -> None:
    """Add what was viewed to the posts' counters."""
    reactions.add_views(event.payload["views"])
