"""The analytics domain: what is seen of the site, and who did what on it."""

from flask import Flask

from blog_app.analytics import audit_trail, intake, partitions, storing
from blog_app.analytics.views import blueprints
from blog_app.api.execution import read_hooks

__all__ = ["audit_trail", "blueprints", "init_app", "partitions", "storing"]


def init_app(app: Flask) -> None:
    """Count the page views of `app`, unless its settings say otherwise."""
    if app.config["SETTINGS"].count_views:
        read_hooks.watch(app, "posts.show_post", intake.init_app(app).note)
