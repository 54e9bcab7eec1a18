"""The files domain: everybody's folders and files."""

from blog_app.files import handlers
from blog_app.files.views import blueprints

__all__ = ["blueprints", "handlers"]
