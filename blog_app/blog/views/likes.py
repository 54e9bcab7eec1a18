"""Endpoints of likes."""

from __future__ import annotations

from typing import Any

from blog_app.api import Blueprint
from blog_app.api.auth import identity
from blog_app.blog import likes as actions
from blog_app.blog.schemas.posts import LikeSchema
from blog_app.blog.views.paths import post_or_404
from blog_app.data import databases

reactions = Blueprint("reactions", database=databases.blog, prefix="/posts")


@reactions.computes("/<key>/like", LikeSchema)
def show_like(key: str) -> dict[str, Any]:
    """Retrieve your like status and the number of likes of a post."""
    return actions.like_status(post_or_404(key), identity().user_id)


@reactions.acts("PUT", "/<key>/like", response=LikeSchema)
def like_post(key: str) -> dict[str, Any]:
    """Like a post. Liking it again has no effect."""
    return actions.like(post_or_404(key), identity().user_id)


@reactions.acts("DELETE", "/<key>/like", response=LikeSchema)
def unlike_post(key: str) -> dict[str, Any]:
    """Remove your like from a post."""
    return actions.unlike(post_or_404(key), identity().user_id)
