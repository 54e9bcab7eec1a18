"""The endpoint of a user's posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.blog.models.counters import COUNTERS_SECONDS
from blog_app.blog.schemas.posts import PostSchema
from blog_app.data import databases
from blog_app.data.cache import hot

user_posts = Blueprint("user_posts", database=databases.blog, prefix="/users")


@user_posts.lists("/<uuid:user_id>/posts", PostSchema)
@hot(Category, PostTag, Tag, until=Post.seconds_to_next_publication, lifetime=COUNTERS_SECONDS)
def list_user_posts(user_id: UUID) -> Any:
    """List a user's posts, newest first: as `GET /posts?author_id=`. Empty for who is no author, or no user."""
    return allowed(Post).where(Post.author_id == user_id)
