"""The models of the blog."""

from blog_app.blog.models.base import BlogRecord
from blog_app.blog.models.categories import Category
from blog_app.blog.models.comments import Comment
from blog_app.blog.models.counters import Like, PostCounters
from blog_app.blog.models.images import Image
from blog_app.blog.models.posts import Article, Post, Video
from blog_app.blog.models.revisions import Revision
from blog_app.blog.models.slugs import FormerSlug
from blog_app.blog.models.tags import PostTag, Tag

__all__ = [
    "Article", "BlogRecord", "Category", "Comment", "FormerSlug", "Image", "Like", "Post", "PostCounters", "PostTag",
    "Revision", "Tag", "Video",
]  # fmt: skip
