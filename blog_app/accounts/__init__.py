"""The accounts domain: users, roles and tokens, and who is whose friend."""

from blog_app.accounts import handlers
from blog_app.accounts.views import blueprints

__all__ = ["blueprints", "handlers"]
