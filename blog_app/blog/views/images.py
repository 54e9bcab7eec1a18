"""Endpoints of images of posts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blog_app.api import Blueprint
from blog_app.api.auth import allowed
from blog_app.api.resources.schema import DeletedParameter
from blog_app.blog.models import Comment, Image, Post
from blog_app.blog.schemas.images import ImageSchema
from blog_app.blog.views.paths import post_at
from blog_app.data import databases
from blog_app.data.cache import reads
from blog_app.errors import require_deleted

images = Blueprint("images", database=databases.blog, prefix="")


def image_at(image_id: UUID) -> Any:
    return allowed(Image).where(Image.id == image_id)


def any_image_at(image_id: UUID) -> Any:
    """Return the query for an image of a post that is not deleted; the image may be."""
    return allowed(Image, deleted="with").where(Image.id == image_id, Image.post.in_(allowed(Post).select(Post.id)))


@images.lists("/posts/<key>/images", ImageSchema, parent=post_at, parameters=DeletedParameter)
@reads(Post)
def list_images(key: str, deleted: str | None) -> Any:
    """List the images of a post, oldest first."""
    return allowed(Image, deleted=deleted).where(Image.post == post_at(key).select(Post.id))


@images.creates("/posts/<key>/images", ImageSchema, load=post_at)
def create_image(post: Post, **values: Any) -> Image:
    """Add an image to a post."""
    return Image.create(post=post.id, **values)


@images.shows("/images/<uuid:image_id>", ImageSchema)
@reads(Post)
def show_image(image_id: UUID) -> Any:
    """Retrieve an image."""
    return image_at(image_id)


@images.changes("/images/<uuid:image_id>", ImageSchema, load=image_at)
def change_image(image: Image, **values: Any) -> Image:
    """Update an image."""
    return image.change(**values)


@images.deletes("/images/<uuid:image_id>", load=image_at)
def delete_image(image: Image) -> None:
    """Delete an image: it is hidden, with its comments. An editor can restore it."""
    image.soft_delete()


@images.acts("PUT", "/images/<uuid:image_id>/restoration", response=ImageSchema, load=any_image_at)
def restore_image(image: Image) -> Image:
    """Restore a deleted image, with its comments."""
    return image.restore()


@images.deletes("/images/<uuid:image_id>/remains", load=any_image_at)
def purge_image(image: Image) -> None:
    """Permanently delete a deleted image and its comments; 409 if the image is not deleted."""
    require_deleted(image)
    Comment.delete_on("image", [image.id])
    image.delete_instance()
