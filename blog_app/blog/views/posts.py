"""Posts: reading and writing them, and what becomes of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity
from blog_app.api.requests.path_keys import named
from blog_app.api.resources.schema import DeletedParameter
from blog_app.blog import posts as actions
from blog_app.blog import search
from blog_app.blog.models import Category, Post, PostTag, Tag
from blog_app.blog.models.counters import COUNTERS_SECONDS
from blog_app.blog.schemas import PostSchema, PublicationSchema, RelatedPostSchema
from blog_app.blog.views.paths import post_at, present_slug
from blog_app.data import databases
from blog_app.data.cache import hot

posts = Blueprint("posts", database=databases.blog)


def any_post_at(key: str) -> Any:
    """Return the query for a post that may be deleted."""
    return named(Post, key, deleted="with")


@posts.lists("", PostSchema, parameters=DeletedParameter)
@hot(Category, PostTag, Tag, until=Post.seconds_to_next_publication, at_most=COUNTERS_SECONDS)
def list_posts(deleted: str | None) -> Any:
    """List the posts that are out, the newest first; authors see their own drafts too, editors everything.

    `q` searches titles, tags and texts, and puts the best first: `"exact phrase"`, `or`, `-without`; `kett*` finds
    titles and tags. A very common word is looked for in the newest posts only.
    """
    return allowed(Post, deleted=deleted)


@posts.shows("/<key>", PostSchema, moved=present_slug)
@hot(row="key", until=Post.seconds_to_next_publication, at_most=COUNTERS_SECONDS)
def show_post(key: str) -> Any:
    """Show a post, by its identifier or slug."""
    return post_at(key)


@posts.lists("/<key>/related", RelatedPostSchema, under=post_at)
@hot(PostTag, until=Post.seconds_to_next_publication, at_most=COUNTERS_SECONDS)
def list_related_posts(key: str) -> Any:
    """List the posts that share tags with this one; those that share most come first."""
    return search.related(allowed(Post), post_at(key))


@posts.creates("", PostSchema)
def create_post(**values: Any) -> Post:
    """Write a post; it is a draft until it is published."""
    return actions.write(identity().user_id, **values)


@posts.changes("/<key>", PostSchema, load=post_at)
def change_post(post: Post, **values: Any) -> Post:
    """Change a post. What its title and text were is kept as a revision."""
    return actions.edit(post, identity().user_id, **values)


@posts.deletes("/<key>", load=post_at)
def delete_post(post: Post) -> None:
    """Delete a post; it can be restored."""
    post.soft_delete()


@posts.does("PUT", "/<key>/restoration", answers=PostSchema, load=any_post_at)
def restore_post(post: Post) -> Post:
    """Take back a post that was deleted."""
    return actions.restore(post)


@posts.deletes("/<key>/remains", load=any_post_at)
def purge_post(post: Post) -> None:
    """Delete a deleted post for good, with everything that hangs on it."""
    actions.purge(post)


@posts.does("PUT", "/<key>/publication", takes=PublicationSchema, answers=PostSchema, load=post_at)
def publish_post(post: Post, published_at: datetime | None) -> Post:
    """Publish a post, now or at a time to come."""
    return actions.publish(post, published_at)


@posts.does("DELETE", "/<key>/publication", answers=PostSchema, load=post_at)
def unpublish_post(post: Post) -> Post:
    """Take a post back: it is a draft again."""
    return actions.unpublish(post)


@posts.does("PUT", "/<key>/archival", answers=PostSchema, load=post_at)
def archive_post(post: Post) -> Post:
    """Archive a post: it is out of sight, and keeps its time of publication."""
    return actions.archive(post)


@posts.does("DELETE", "/<key>/archival", answers=PostSchema, load=post_at)
def unarchive_post(post: Post) -> Post:
    """Take a post out of the archive: it is published again, or a draft if it never was."""
    return actions.unarchive(post)
