"""The blog domain: categories, tags and posts."""

from blog_app.blog.views import categories, posts, tags

blueprints = (categories, tags, posts)
