"""The accounts domain: users, profiles, roles, API tokens and friends."""

from blog_app.accounts import handlers
from blog_app.accounts.views import blueprints

__all__ = ["blueprints", "handlers"]
