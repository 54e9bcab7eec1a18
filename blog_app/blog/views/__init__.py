"""The endpoints of the blog."""

from blog_app.blog.views.categories import categories
from blog_app.blog.views.comments import comments
from blog_app.blog.views.feeds import feeds
from blog_app.blog.views.images import images
from blog_app.blog.views.likes import reactions
from blog_app.blog.views.posts import posts
from blog_app.blog.views.revisions import revisions
from blog_app.blog.views.statistics import statistics
from blog_app.blog.views.tags import tags
from blog_app.blog.views.user_posts import user_posts

blueprints = (categories, tags, posts, user_posts, revisions, images, comments, reactions, statistics)
pages = (feeds,)
