"""The files domain: folders and files of users."""

from blog_app.files import handlers
from blog_app.files.views import files

blueprints = (files,)
__all__ = ["blueprints", "handlers"]
