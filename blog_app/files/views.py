"""The endpoints of folders, files and the trash."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import marshmallow

from blog_app.api import Blueprint
from blog_app.api.auth import allowed, identity, scope, user_id
from blog_app.api.requests.uploads import Upload
from blog_app.api.responses.downloads import Download
from blog_app.data import databases
from blog_app.errors import invalid
from blog_app.files import contents, quota, schemas, tree
from blog_app.files.contents import StoredContent
from blog_app.files.models import Node, below
from blog_app.files.names import Name

files = Blueprint("files", database=databases.files, prefix="")


def node_at(node_id: UUID) -> Any:
    return allowed(Node).where(Node.id == node_id)


def file_at(node_id: UUID) -> Any:
    return node_at(node_id).where(Node.kind == "file")


def locked_node_at(node_id: UUID) -> Any:
    """Return the query for a node, after locking its owner's drive."""
    tree.lock_drive_of(node_at(node_id))
    return node_at(node_id)


def locked_file_at(node_id: UUID) -> Any:
    return locked_node_at(node_id).where(Node.kind == "file")


def locked_trash_at(node_id: UUID) -> Any:
    """Return the query for a node that may be in the trash, after locking its owner's drive."""
    found = Node.with_trash(scope(), user_id()).where(Node.id == node_id)
    tree.lock_drive_of(found)
    return found


def store_within_quota(upload: Upload) -> StoredContent:
    """Store an upload, unless it exceeds the caller's quota: then nothing is written."""
    quota.require_room(identity().user_id, upload.size)
    return contents.store(upload)


@files.lists("/files", schemas.NodeSchema, parameters=schemas.PathParameters)
def list_files(path: str | None, under: str | None) -> Any:
    """List your folders and files, newest first. Admins see all users' files.

    `parent_id=…` lists a folder, `parent_id[is_null]=true` the top level; `sort=-kind,name` puts folders first. `path`
    finds a file or folder by its path, `under` everything below a folder. Paths are case-insensitive.
    """
    query = allowed(Node)
    if path is not None:
        query = query.where(Node.key == path)
    return query if under is None else query.where(below(under))


@files.shows("/files/<uuid:node_id>", schemas.NodeSchema)
def show_file(node_id: UUID) -> Any:
    """Retrieve a folder or a file. A file's content is at `/files/{node_id}/content`."""
    return node_at(node_id)


@files.creates("/folders", schemas.NodeSchema)
def create_folder(**values: Any) -> Node:
    """Create a folder."""
    return tree.create_folder(identity().user_id, **values)


@files.uploads("POST", "/files", schemas.NodeSchema, store=store_within_quota, parameters=schemas.UploadParameters)
def upload_file(stored: StoredContent, name: str | None, parent_id: UUID | None) -> Node:
    """Upload a file, as the only file of a form, or as the raw body with `?name=`."""
    return tree.add_file(identity().user_id, stored, name or form_file_name(stored), parent_id)


@files.changes("/files/<uuid:node_id>", schemas.NodeSchema, load=locked_node_at)
def change_file(node: Node, **values: Any) -> Node:
    """Rename or move a file, or a folder with everything in it; set its metadata."""
    return tree.move(node, **values)


@files.creates("/files/<uuid:node_id>/copies", schemas.CopySchema, response=schemas.NodeSchema, load=locked_node_at)
def copy_file(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Copy a file, or a folder with everything in it."""
    return tree.copy(node, name, parent_id)


@files.downloads("/files/<uuid:node_id>/content", load=file_at)
def download_file(file: Node) -> Download:
    """Download a file, or a part of it with `Range`. The `ETag` is the SHA-256 of the content."""
    return contents.download(file)


@files.uploads("PUT", "/files/<uuid:node_id>/content", schemas.NodeSchema, store=contents.store, load=locked_file_at)
def replace_content(file: Node, stored: StoredContent) -> Node:
    """Replace a file's content, by a form or a raw body. `If-Match` takes the `ETag` of the file or its content."""
    tree.replace_content(file, stored)
    return file


@files.deletes("/files/<uuid:node_id>", load=locked_node_at)
def delete_file(node: Node) -> None:
    """Move a file, or a folder with everything in it, to the trash."""
    tree.move_to_trash(node)


@files.lists("/trash", schemas.NodeSchema)
def list_trash() -> Any:
    """List the trash. Files that were deleted with their folder are restored with it and not listed."""
    return Node.with_trash(scope(), user_id()).where(Node.deleted_at.is_null(False))


@files.acts("DELETE", "/trash")
def empty_trash() -> None:
    """Empty your trash. Everything in it is permanently deleted."""
    tree.empty_trash(identity().user_id)


@files.acts(
    "PUT",
    "/files/<uuid:node_id>/restoration",
    body=schemas.RestorationSchema,
    response=schemas.NodeSchema,
    load=locked_trash_at,
)
def restore_file(node: Node, **place: Any) -> Node:
    """Restore a file or folder from the trash to its former folder, or to the top level if that is gone.

    Send `name` or `parent_id` to restore it under another name or in another folder, for example if the name is taken.
    """
    return tree.restore(node, **place)


@files.deletes("/files/<uuid:node_id>/remains", load=locked_trash_at)
def purge_file(node: Node) -> None:
    """Permanently delete a file or folder that is in the trash."""
    tree.purge(node)


@files.computes("/me/storage", schemas.StorageSchema)
def show_my_storage() -> dict[str, int | None]:
    """Retrieve your storage usage and limit."""
    return quota.usage_of(identity().user_id)


def form_file_name(stored: StoredContent) -> str:
    """Return the file name of the form; raise `Invalid` if there is none or it is not allowed."""
    if stored.name is None:
        raise invalid("name", "Required for a raw body. Send it in the query: ?name=…")
    try:
        return Name().deserialize(stored.name)
    except marshmallow.ValidationError as error:
        raise marshmallow.ValidationError({"name": error.messages}) from error
