"""Endpoints of posts: CRUD, search, publication, archival and restoration."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blog_app.api import Blueprint, auth
from blog_app.api.auth import allowed, by_id_or_slug, identity
from blog_app.api.resources.schema import DeletedParameter
from blog_app.background import audit
from blog_app.blog import posts as actions, search
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.blog.models.counters import COUNTERS_SECONDS
from blog_app.blog.schemas.posts import NewPostSchema, PostSchema, PublicationSchema, RelatedPostSchema
from blog_app.blog.views.paths import current_slug, post_at
from blog_app.data import databases
from blog_app.data.cache import hot

posts = Blueprint("posts", database=databases.blog)


def any_post_at(key: str) -> Any:
    """Return the query for a post, deleted or not."""
    return by_id_or_slug(Post, key, deleted="with")


@posts.lists("", PostSchema, parameters=DeletedParameter)
@hot(Category, PostTag, Tag, until=Post.seconds_to_next_publication, lifetime=COUNTERS_SECONDS)
def list_posts(deleted: str | None) -> Any:
    """List public posts, newest first. Authors also see their own drafts, editors all posts.

    `q` searches titles, tags and content, best match first. It supports `"exact phrase"`, `or`, `-without`, and
    prefixes of words in titles and tags (`kett*`). Very common words are only searched in the newest posts.
    """
    return allowed(Post, deleted=deleted)


@posts.shows("/<key>", PostSchema, redirect_key=current_slug)
@hot(row="key", until=Post.seconds_to_next_publication, lifetime=COUNTERS_SECONDS)
def show_post(key: str) -> Any:
    """Retrieve a post by id or slug."""
    return post_at(key)


@posts.lists("/<key>/related", RelatedPostSchema, parent=post_at)
@hot(PostTag, until=Post.seconds_to_next_publication, lifetime=COUNTERS_SECONDS)
def list_related_posts(key: str) -> Any:
    """List posts that share tags with this one, most shared tags first."""
    return search.related_posts(allowed(Post), post_at(key))


@posts.creates("", NewPostSchema, response=PostSchema)
def create_post(status: str, published_at: datetime | None, **values: Any) -> Post:
    """Create a post. It is a draft until it is published, here with `status` or later.

    Tags that do not exist are created.
    """
    if status == "published":
        auth.require("posts.publish_post")
    post = actions.create(identity().user_id, new_tags=auth.may_use("tags.create_tag"), **values)
    if status == "published":
        with audit.next_action("posts.publish_post"):
            actions.publish(post, published_at)
    return post


@posts.changes("/<key>", PostSchema, load=post_at)
def change_post(post: Post, **values: Any) -> Post:
    """Update a post. The former title and content become a revision. Tags that do not exist are created."""
    return actions.change(post, identity().user_id, new_tags=auth.may_use("tags.create_tag"), **values)


@posts.deletes("/<key>", load=post_at)
def delete_post(post: Post) -> None:
    """Delete a post. It can be restored."""
    post.soft_delete()


@posts.acts("PUT", "/<key>/restoration", response=PostSchema, load=any_post_at)
def restore_post(post: Post) -> Post:
    """Restore a deleted post."""
    return post.restore()


@posts.deletes("/<key>/remains", load=any_post_at)
def purge_post(post: Post) -> None:
    """Permanently delete a deleted post, with its images, comments, likes and revisions."""
    actions.purge(post)


@posts.acts("PUT", "/<key>/publication", body=PublicationSchema, response=PostSchema, load=post_at)
def publish_post(post: Post, published_at: datetime | None) -> Post:
    """Publish a post now, or schedule it."""
    return actions.publish(post, published_at)


@posts.acts("DELETE", "/<key>/publication", response=PostSchema, load=post_at)
def unpublish_post(post: Post) -> Post:
    """Unpublish a post. It becomes a draft again."""
    return actions.unpublish(post)


@posts.acts("PUT", "/<key>/archival", response=PostSchema, load=post_at)
def archive_post(post: Post) -> Post:
    """Archive a post. It is hidden and keeps its publication time."""
    return actions.archive(post)


@posts.acts("DELETE", "/<key>/archival", response=PostSchema, load=post_at)
def unarchive_post(post: Post) -> Post:
    """Unarchive a post. It is published again, or a draft if it never was published."""
    return actions.unarchive(post)
