"""The analytics domain: what is seen of the site, and who did what on it."""

from blog_app.analytics.views import blueprints

__all__ = ["blueprints"]
