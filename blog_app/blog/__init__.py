"""The blog domain: posts, and what orders them, hangs on them, counts them and spreads them."""

from blog_app.blog import handlers
from blog_app.blog.views import blueprints, pages

__all__ = ["blueprints", "handlers", "pages"]
