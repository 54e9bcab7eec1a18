"""Actions on posts: creating, changing, publishing, archiving, restoring and purging."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from blog_app.blog import revisions
from blog_app.blog.models import Category, Comment, FormerSlug, Image, Post, PostCounters, PostTag, Tag
from blog_app.blog.models.tags import tag_words, tag_words_query
from blog_app.data.models import now
from blog_app.data.slugs import insert_with_slug
from blog_app.errors import invalid, require_deleted


def create(author_id: UUID, tags: list[str], slug: str | None = None, *, new_tags: bool = False, **values: Any) -> Post:
    """Create a draft and return it; without a slug it gets one from its title. `new_tags` makes those that are new."""
    _require_category(values.get("category_id"))
    found = Tag.find(tags, lock=True, create=new_tags)
    values |= {"author_id": author_id, "tag_words": tag_words(found)}
    post: Post = insert_with_slug(Post, values["title"], slug, **values)
    PostTag.add(post, found)
    PostCounters.add_comments(post.id, 0)
    return post


def change(
    post: Post,
    editor_id: UUID,
    kind: str,
    tags: list[str],
    slug: str | None,
    *,
    new_tags: bool = False,
    **values: Any,
) -> Post:
    """Change the post to these values and exactly these tags; its former title and content become a revision."""
    if kind != post.kind:
        raise invalid("kind", f"The kind of a post cannot be changed; this is a post of kind {post.kind!r}.")
    if values.get("category_id") != post.category_id:  # One that is deleted may stay, until it is restored.
        _require_category(values.get("category_id"))
    found = Tag.find(tags, create=new_tags)
    revisions.record(post, editor_id, **values)
    if slug is not None and slug != post.slug:
        FormerSlug.record(post)
        values["slug"] = slug
    PostTag.replace(post, found)
    return post.change(tag_words=tag_words_query(post.id), **values)


def publish(post: Post, published_at: datetime | None) -> Post:
    """Publish the post now, or schedule it (`Post.is_public`); a public post keeps its time unless another is given."""
    instant = now()
    public_since = post.published_at if post.published_at and post.published_at <= instant else None
    return post.change(status="published", published_at=published_at or public_since or instant)


def unpublish(post: Post) -> Post:
    """Make the post a draft again."""
    return post.change(status="draft", published_at=None)


def archive(post: Post) -> Post:
    """Hide the post; it keeps its time of publication."""
    return post.change(status="archived")


def unarchive(post: Post) -> Post:
    """Make an archived post published again, or a draft if it never was published."""
    if post.status != "archived":
        return post
    return post.change(status="published" if post.published_at else "draft")


def purge(post: Post) -> None:
    """Delete the post permanently, with everything that belongs to it; raise `Conflict` if it is not soft-deleted.

    Comments have no foreign key to their subject and are deleted here; the post must be locked. Its tags,
    images, revisions, likes, counters and former slugs are deleted by cascade.
    """
    require_deleted(post)
    all_images = Image.with_deleted().select(Image.id).where(Image.post == post.id)
    images = [image_id for (image_id,) in all_images.tuples()]
    if images:
        Comment.delete_on("image", images)
    Comment.delete_on("post", [post.id])
    post.delete_instance()


def _require_category(category_id: UUID | None) -> None:
    """Raise `Invalid` if a post cannot get this category, because it is missing or deleted."""
    if category_id is not None and not Category.select().where(Category.id == category_id).exists():
        raise invalid("category_id", "Category not found.")
