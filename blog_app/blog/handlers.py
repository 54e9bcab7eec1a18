"""The blog's handlers of outbox events."""

from __future__ import annotations

from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.blog import reactions
from blog_app.data import databases


@event_handler("posts.viewed", databases.blog)
def count_views(event: Event) -> None:
    """Add stored page views to the view counters of posts."""
    reactions.add_views(event.payload["views"])
