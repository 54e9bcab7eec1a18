"""Likes."""

from __future__ import annotations

from typing import Any

from blog_app.api import Blueprint
from blog_app.api.auth import identity
from blog_app.blog import reactions as actions
from blog_app.blog.schemas import LikeSchema
from blog_app.blog.views.paths import the_post_at
from blog_app.data import databases

reactions = Blueprint("reactions", database=databases.blog, prefix="/posts")


@reactions.does("GET", "/<key>/like", answers=LikeSchema, atomic=False)
def show_like(key: str) -> dict[str, Any]:
    """Tell whether you like a post, and how many do."""
    return actions.standing(the_post_at(key), identity().user_id)


@reactions.does("PUT", "/<key>/like", answers=LikeSchema)
def like_post(key: str) -> dict[str, Any]:
    """Like a post; liking it again changes nothing."""
    return actions.like(the_post_at(key), identity().user_id)


@reactions.does("DELETE", "/<key>/like", answers=LikeSchema)
def unlike_post(key: str) -> dict[str, Any]:
    """Like a post no more."""
    return actions.unlike(the_post_at(key), identity().user_id)
