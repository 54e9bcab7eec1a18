"""The analytics domain: page views, the audit trail, and reports on both and on the cache."""

from flask import Flask

from blog_app.analytics import audit_trail, partitions, storage
from blog_app.analytics.buffer import PageViewBuffer
from blog_app.analytics.views import audit_entries, caching, page_views
from blog_app.api.execution import hooks

__all__ = ["audit_trail", "blueprints", "init_app", "partitions", "storage"]

blueprints = (audit_entries, page_views, caching)


def init_app(app: Flask) -> None:
    """Count the page views of `app`, unless COUNT_VIEWS is off."""
    if app.config["SETTINGS"].count_views:
        hooks.on_read(app, "posts.show_post", PageViewBuffer(app).add)
