"""Actions on folders and files: create, move, rename, copy, move to trash, restore, purge.

All of them lock the owner's drive (`lock_drive_of`), so what they read stays true until the transaction ends; therefore
no folder can become its own descendant. A subtree of any size is changed by one statement. Constraints of the table
refuse a taken name and a path that is too deep or too long, all or nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.data import audit_subject
from blog_app.data.models import now
from blog_app.errors import Conflict, invalid, require_deleted
from blog_app.files import quota
from blog_app.files.contents import StoredContent
from blog_app.files.models import Drive, Node
from blog_app.files.names import casefolded

COPIED = ("owner_id", "kind", "sha256", "size", "media_type", "metadata")
MAX_COPIED = 10_000
INSERT_BATCH_SIZE = 1_000


def lock_drive_of(nodes: Any) -> None:
    """Lock the drive of the node that the query finds, if it finds one."""
    owner_id = nodes.select(Node.owner_id).tuples().first()
    if owner_id:
        Drive.locked(owner_id[0])


def create_folder(owner_id: UUID, name: str, parent_id: UUID | None, **values: Any) -> Node:
    """Create a folder and return it; raise `Invalid` if the parent is not a folder of the owner."""
    Drive.locked(owner_id)
    return _insert(owner_id, _folder(owner_id, parent_id), name, kind="folder", **values)


def add_file(owner_id: UUID, stored: StoredContent, name: str, parent_id: UUID | None) -> Node:
    """Create a file of a stored upload and return it; raise as `create_folder` and `replace_content` do."""
    drive, folder = Drive.locked(owner_id), _folder(owner_id, parent_id)
    quota.add_usage(drive, stored.size)
    return _insert(owner_id, folder, name, kind="file", **stored.values)


def replace_content(file: Node, stored: StoredContent) -> None:
    """Replace a file's content by a stored upload; raise `Conflict` beyond the quota."""
    quota.add_usage(Drive.locked(file.owner_id), stored.size - file.size)
    file.change(**stored.values)


def move(node: Node, name: str, parent_id: UUID | None, metadata: dict[str, Any]) -> Node:
    """Move or rename a file, or a folder with everything in it, and set its own metadata."""
    folder = _folder(node.owner_id, parent_id)
    _require_outside(node, folder)
    _relocate(node, node.subtree(), folder, name)
    if metadata != node.metadata:
        node.metadata = metadata
        Node.update(metadata=metadata).where(Node.id == node.id).execute()
    return node


def copy(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Copy a file, or a folder with everything in it, and return the copy; contents are shared, not copied."""
    folder = _folder(node.owner_id, parent_id)
    _require_outside(node, folder)
    originals = list(Node.select().where(node.subtree()).order_by(Node.key).limit(MAX_COPIED + 1))
    if len(originals) > MAX_COPIED:
        raise Conflict(f"Cannot copy more than {MAX_COPIED} files and folders at a time.")
    quota.add_usage(Drive.locked(node.owner_id), sum(original.size or 0 for original in originals))
    copies: dict[UUID, Node] = {}
    for original in originals:  # Folders come before what is in them.
        is_top = original.id == node.id
        copy_of = Node(
            **{field: getattr(original, field) for field in COPIED},
            name=name if is_top else original.name,
            parent=folder if is_top else copies[original.parent_id],
        )
        copy_of.derive()
        copies[original.id] = copy_of
    for batch in peewee.chunked((each.__data__ for each in copies.values()), INSERT_BATCH_SIZE):
        Node.insert_many(batch).execute()
    return copies[node.id]


def move_to_trash(node: Node) -> None:
    """Move a file, or a folder with everything in it, to the trash; its name is free again."""
    node.deleted_at = now()
    _update(node.subtree(), deleted_at=node.deleted_at, trashed_with=node.id)


def restore(node: Node, *, name: str | None = None, **place: UUID | None) -> Node:
    """Restore a node, with everything that was moved to the trash with it, as `name` in folder `parent_id` if given.

    By default in its former folder, or at the top if that is gone. Raises `Conflict` if the name is taken.
    """
    if node.deleted_at is None:
        return node
    former = Node.get_or_none(Node.id == node.parent_id)
    folder = _folder(node.owner_id, place["parent_id"]) if "parent_id" in place else former
    _relocate(node, Node.trashed_with == node.id, folder, name or node.name, deleted_at=None, trashed_with=None)
    node.deleted_at = None
    return node


def purge(node: Node) -> None:
    """Permanently delete a node in the trash, with everything that was moved there with it."""
    require_deleted(node)
    audit_subject.capture_deleted(node)
    _delete(node.owner_id, Node.trashed_with == node.id)


def empty_trash(owner_id: UUID) -> None:
    """Permanently delete everything in a user's trash."""
    _delete(owner_id, (Node.owner_id == owner_id) & Node.deleted_at.is_null(False))


def delete_batch(owner_id: UUID, batch_size: int) -> bool:
    """Permanently delete a batch of a user's nodes, leaves first; return whether there may be more."""
    mine = Node.with_deleted().select(Node.id).where(Node.owner_id == owner_id)
    batch = [id for (id,) in mine.order_by(Node.key.desc()).limit(batch_size).tuples()]
    _delete(owner_id, Node.id.in_(batch))
    return len(batch) == batch_size


def _delete(owner_id: UUID, nodes: peewee.Expression) -> None:
    drive = Drive.locked(owner_id)
    freed = Node.bytes_of(nodes)
    Node.delete().where(nodes).execute()
    quota.add_usage(drive, -freed)


def _folder(owner_id: UUID, folder_id: UUID | None) -> Node | None:
    """Return a folder of the owner, None for the top; raise `Invalid` if there is no such folder."""
    if folder_id is None:
        return None
    is_it = (Node.id == folder_id) & (Node.owner_id == owner_id) & (Node.kind == "folder")
    folder = Node.get_or_none(is_it)
    if folder is None:
        raise invalid("parent_id", "No such folder.")
    return folder


def _require_outside(node: Node, folder: Node | None) -> None:
    if folder and (folder.id == node.id or folder.key.startswith(f"{node.key}/")):
        raise invalid("parent_id", "A folder cannot be moved or copied into itself or one of its subfolders.")


def _insert(owner_id: UUID, folder: Node | None, name: str, **values: Any) -> Node:
    node = Node(owner_id=owner_id, parent=folder, name=name, **values)
    node.derive()
    node.save(force_insert=True)
    return node


def _relocate(node: Node, nodes: peewee.Expression, folder: Node | None, name: str, **values: Any) -> None:
    """Write the new name, parent and paths of a node and of the `nodes` below it."""
    path = f"{folder.path if folder else ''}/{name}"
    is_top = Node.id == node.id
    _update(
        nodes,
        name=peewee.Case(None, [(is_top, name)], Node.name),
        parent=peewee.Case(None, [(is_top, folder and str(folder.id))], Node.parent),
        path=peewee.fn.CONCAT(path, peewee.fn.substr(Node.path, len(node.path) + 1)),
        key=peewee.fn.CONCAT(casefolded(path), peewee.fn.substr(Node.key, len(node.key) + 1)),
        **values,
    )
    node.name, node.parent = name, folder


def _update(nodes: peewee.Expression, **values: Any) -> None:
    Node.update(version=Node.version + 1, updated_at=now(), **values).where(nodes).execute()
