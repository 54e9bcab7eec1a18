"""What happens to posts: writing, editing, publishing, archiving, deleting."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from blog_app.blog import revisions
from blog_app.blog.models import Comment, FormerSlug, Image, Post, PostTag, Tag
from blog_app.blog.models.tags import tag_words, words_of
from blog_app.data.models import now
from blog_app.data.slugs import insert_with_slug
from blog_app.errors import Conflict, invalid


def write(author_id: UUID, tags: list[str], slug: str | None = None, **values: Any) -> Post:
    """Write a new draft and return it; without a slug it gets one from its title."""
    found = Tag.named(tags, lock=True)
    values |= {"author_id": author_id, "tag_words": tag_words(found)}
    if slug is None:
        post: Post = insert_with_slug(Post, values["title"], **values)
    else:
        post = Post(slug=slug, **values)
        post.derive()
        post.save(force_insert=True)
    PostTag.add(post, found)
    return post


def edit(post: Post, editor_id: UUID, kind: str, tags: list[str], slug: str | None, **values: Any) -> Post:
    """Give the post these values and exactly these tags; what its title and text were is kept as a revision."""
    if kind != post.kind:
        raise invalid("kind", f"This is a post of the kind {post.kind!r}, and stays one.")
    found = Tag.named(tags)
    revisions.keep(post, editor_id, **values)
    if slug is not None and slug != post.slug:
        FormerSlug.keep(post)
        values["slug"] = slug
    PostTag.replace(post, found)
    post.change(tag_words=words_of(post), **values)
    return post


def publish(post: Post, published_at: datetime | None) -> Post:
    """Let the post out, now or at a time to come; one that is out already keeps its time unless another is given."""
    instant = now()
    already = post.published_at if post.published_at and post.published_at <= instant else None
    post.change(status="published", published_at=published_at or already or instant)
    return post


def unpublish(post: Post) -> Post:
    """Make the post a draft again."""
    post.change(status="draft", published_at=None)
    return post


def archive(post: Post) -> Post:
    """Take the post out of sight; it keeps its time of publication."""
    post.change(status="archived")
    return post


def unarchive(post: Post) -> Post:
    """Make the post again what it was: published, or a draft if it never was."""
    if post.status == "archived":
        post.change(status="published" if post.published_at else "draft")
    return post


def restore(post: Post) -> Post:
    """Take a post back that was deleted."""
    if post.deleted_at:
        post.restore()
    return post


def purge(post: Post) -> None:
    """Delete the post for good, and everything that hangs on it; only what was deleted before.

    No foreign key holds comments to what they are about, so they go first; the caller has the post locked. Its tags,
    images, revisions, likes, counters and former slugs go with it by cascade.
    """
    if post.deleted_at is None:
        raise Conflict("Delete this post first.")
    images = [image_id for (image_id,) in Image.select(Image.id).where(Image.post == post.id).tuples()]
    if images:
        Comment.remove_from("image", images)
    Comment.remove_from("post", [post.id])
    post.delete_instance()
