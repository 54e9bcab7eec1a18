"""The blog domain: posts with categories, tags, images, comments, likes and revisions; search, statistics and feeds."""

from blog_app.blog import handlers
from blog_app.blog.views import blueprints, pages

__all__ = ["blueprints", "handlers", "pages"]
