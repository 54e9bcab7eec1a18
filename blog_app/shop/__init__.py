"""The shop domain: products, customers and their orders."""

from flask import Flask

from blog_app.config import Settings
from blog_app.shop import handlers
from blog_app.shop.models.base import set_currency
from blog_app.shop.views import blueprints

__all__ = ["blueprints", "handlers"]


def init_app(app: Flask) -> None:
    """Sell in the currency of the app's settings."""
    settings: Settings = app.config["SETTINGS"]
    set_currency(settings.currency)
