"""The shop domain: products, customers and their orders."""

from blog_app.shop import handlers
from blog_app.shop.views import blueprints

__all__ = ["blueprints", "handlers"]
