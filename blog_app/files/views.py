"""The endpoints for folders and files."""

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
from blog_app.files import contents, quota, tree
from blog_app.files.contents import Kept
from blog_app.files.models import Node, below
from blog_app.files.names import Name
from blog_app.files.schemas import (
    CopySchema,
    NodeSchema,
    PlaceParameters,
    RestorationSchema,
    StorageSchema,
    UploadParameters,
)

files = Blueprint("files", database=databases.files, prefix="")
blueprints = (files,)


def node_at(node_id: UUID) -> Any:
    return allowed(Node).where(Node.id == node_id)


def file_at(node_id: UUID) -> Any:
    return node_at(node_id).where(Node.kind == "file")


def held_node_at(node_id: UUID) -> Any:
    """Return the query for a node, its owner's drive locked before it."""
    tree.hold(node_at(node_id))
    return node_at(node_id)


def held_file_at(node_id: UUID) -> Any:
    return held_node_at(node_id).where(Node.kind == "file")


def held_trash_at(node_id: UUID) -> Any:
    """Return the query for a node that may be in the trash, its owner's drive locked before it."""
    found = Node.with_trash(scope(), user_id()).where(Node.id == node_id)
    tree.hold(found)
    return found


def keep_mine(upload: Upload) -> Kept:
    """Store what was uploaded, unless its sender has no room for it: then nothing needs to be written first."""
    quota.look(identity().user_id, upload.size)
    return contents.keep(upload)


@files.lists("/files", NodeSchema, parameters=PlaceParameters)
def list_files(path: str | None, under: str | None) -> Any:
    """List your folders and files, the newest first; admins see everybody's.

    `parent_id=…` lists a folder, `parent_id[is_null]=true` the top, with `sort=-kind,name` folders first; `path` finds
    the one at a path, `under` everything below one. Upper and lower case are the same in paths.
    """
    query = allowed(Node)
    if path is not None:
        query = query.where(Node.key == path)
    return query if under is None else query.where(below(under))


@files.shows("/files/<uuid:node_id>", NodeSchema)
def show_file(node_id: UUID) -> Any:
    """Show a folder or a file; what is in a file is at `/files/{node_id}/content`."""
    return node_at(node_id)


@files.creates("/folders", NodeSchema)
def create_folder(name: str, parent_id: UUID | None) -> Node:
    """Make a folder."""
    return tree.make_folder(identity().user_id, name, parent_id)


@files.uploads("POST", "/files", NodeSchema, store=keep_mine, parameters=UploadParameters)
def upload_file(stored: Kept, name: str | None, parent_id: UUID | None) -> Node:
    """Upload a file: as the one file of a form, or as the raw body with `?name=`."""
    return tree.add_file(identity().user_id, stored, name or named_by_form(stored), parent_id)


@files.changes("/files/<uuid:node_id>", NodeSchema, load=held_node_at)
def change_file(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Rename or move a file, or a folder with all that is in it."""
    return tree.move(node, name, parent_id)


@files.creates("/files/<uuid:node_id>/copies", CopySchema, response=NodeSchema, load=held_node_at)
def copy_file(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Copy a file, or a folder with all that is in it. It costs little: contents are stored once."""
    return tree.copy(node, name, parent_id)


@files.downloads("/files/<uuid:node_id>/content", load=file_at)
def download_file(file: Node) -> Download:
    """Download a file, or a part of it (`Range`). Its `ETag` is the SHA-256 of its content."""
    return contents.download(file)


@files.uploads("PUT", "/files/<uuid:node_id>/content", NodeSchema, store=contents.keep, load=held_file_at)
def replace_content(file: Node, stored: Kept) -> Node:
    """Replace what is in a file, by a form or a raw body; `If-Match` takes the `ETag` of the file or of its content."""
    tree.replace(file, stored)
    return file


@files.deletes("/files/<uuid:node_id>", load=held_node_at)
def delete_file(node: Node) -> None:
    """Put a file, or a folder with all that is in it, into the trash."""
    tree.throw_away(node)


@files.lists("/trash", NodeSchema)
def list_trash() -> Any:
    """List what was thrown away; what went along in a folder comes back with it."""
    return Node.with_trash(scope(), user_id()).where(Node.deleted_at.is_null(False))


@files.does("DELETE", "/trash")
def empty_trash() -> None:
    """Delete for good all that you have thrown away."""
    tree.empty_trash(identity().user_id)


@files.does("PUT", "/files/<uuid:node_id>/restoration", body=RestorationSchema, response=NodeSchema, load=held_trash_at)
def restore_file(node: Node, **place: Any) -> Node:
    """Take something out of the trash: to where it was, or to the top if that folder is gone.

    If something else has the name by now, or it shall go elsewhere, say `name` or `parent_id`.
    """
    return tree.bring_back(node, **place)


@files.deletes("/files/<uuid:node_id>/remains", load=held_trash_at)
def purge_file(node: Node) -> None:
    """Delete for good what is in the trash."""
    tree.purge(node)


@files.computes("/me/storage", StorageSchema)
def show_my_storage() -> dict[str, int | None]:
    """Show how much you have stored, and how much you may."""
    return quota.storage_of(identity().user_id)


def named_by_form(stored: Kept) -> str:
    """Return what the form calls the file; raise `Invalid` if it cannot be called that."""
    if stored.name is None:
        raise invalid("name", "A raw body needs a name in the query: ?name=…")
    try:
        return Name().deserialize(stored.name)
    except marshmallow.ValidationError as error:
        raise marshmallow.ValidationError({"name": error.messages}) from error
