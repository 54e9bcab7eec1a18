"""Endpoints of revisions of posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity, scope
from blog_app.blog import revisions as actions
from blog_app.blog.models import Post, Revision
from blog_app.blog.schemas.posts import PostSchema
from blog_app.blog.schemas.revisions import RevisionSchema
from blog_app.blog.views.paths import post_at
from blog_app.data import databases
from blog_app.permissions import Scope

revisions = Blueprint("revisions", database=databases.blog, prefix="/posts")


def edited_post_at(key: str) -> Any:
    """Return the query for a post whose revisions the caller may see: their own, or any."""
    query = post_at(key)
    return query if scope() is Scope.ALL else query.where(Post.author_id == identity().user_id)


def revisions_of(key: str) -> Any:
    return allowed(Revision).where(Revision.post == edited_post_at(key).select(Post.id))


@revisions.lists("/<key>/revisions", RevisionSchema, parent=edited_post_at)
def list_revisions(key: str) -> Any:
    """List the revisions of a post, latest first."""
    return revisions_of(key)


@revisions.shows("/<key>/revisions/<uuid:revision_id>", RevisionSchema)
def show_revision(key: str, revision_id: UUID) -> Any:
    """Retrieve a revision of a post."""
    return revisions_of(key).where(Revision.id == revision_id)


@revisions.acts("PUT", "/<key>/revisions/<uuid:revision_id>/restoration", response=PostSchema, load=post_at)
def restore_revision(post: Post, revision_id: UUID) -> Post:
    """Restore the title and content of a revision. The present ones become a revision."""
    return actions.restore(post, identity().user_id, revision_id)
