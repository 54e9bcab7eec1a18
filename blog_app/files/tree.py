"""What happens to folders and files: made, moved, copied, thrown away, brought back, deleted for good.

All of it happens with the owner's drive locked (`hold`), so what is read here is true until the transaction ends; that
no folder ever comes to be inside itself rests on it. A change of a subtree is one statement, however large it is. What
the tree does not allow (a name taken, too deep, too long) the constraints of the table refuse, all or nothing.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import peewee

from blog_app.data import audit_subject
from blog_app.data.models import now
from blog_app.errors import Conflict, invalid
from blog_app.files import quota
from blog_app.files.contents import Kept
from blog_app.files.models import Drive, Node
from blog_app.files.names import folded

MAX_COPIED = 10_000
INSERTED_AT_ONCE = 1_000


def hold(nodes: Any) -> None:
    """Lock the drive of the node that a query finds, if it finds one."""
    owner_id = nodes.select(Node.owner_id).tuples().first()
    if owner_id:
        Drive.locked(owner_id[0])


def make_folder(owner_id: UUID, name: str, parent_id: UUID | None) -> Node:
    """Make a folder and return it; raise `Invalid` if the one it shall be in is none of the owner's."""
    Drive.locked(owner_id)
    return _put(owner_id, _folder(owner_id, parent_id), name, kind="folder")


def add_file(owner_id: UUID, kept: Kept, name: str, parent_id: UUID | None) -> Node:
    """Make a file of what was uploaded and return it; raise as `make_folder` and `replace` do."""
    drive, folder = Drive.locked(owner_id), _folder(owner_id, parent_id)
    quota.take(drive, kept.size)
    return _put(owner_id, folder, name, kind="file", **kept.values)


def replace(file: Node, kept: Kept) -> None:
    """Give a file the content that was uploaded; raise `Conflict` beyond the quota."""
    quota.take(Drive.locked(file.owner_id), kept.size - file.size)
    file.change(**kept.values)


def move(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Move a file, or a folder with all that is in it, to another folder or another name."""
    folder = _folder(node.owner_id, parent_id)
    _require_outside(node, folder)
    _place(node, node.subtree(), folder, name)
    return node


def copy(node: Node, name: str, parent_id: UUID | None) -> Node:
    """Copy a file, or a folder with all that is in it, and return the copy; contents are shared, not copied."""
    folder = _folder(node.owner_id, parent_id)
    _require_outside(node, folder)
    originals = list(Node.select().where(node.subtree()).order_by(Node.key).limit(MAX_COPIED + 1))
    if len(originals) > MAX_COPIED:
        raise Conflict(f"A folder with more than {MAX_COPIED} files and folders cannot be copied at once.")
    quota.take(Drive.locked(node.owner_id), sum(original.size or 0 for original in originals))
    copies: dict[UUID, Node] = {}
    for original in originals:  # Folders come before what is in them.
        is_top = original.id == node.id
        copied = Node(
            **{field: getattr(original, field) for field in ("owner_id", "kind", "sha256", "size", "media_type")},
            name=name if is_top else original.name,
            parent=folder if is_top else copies[original.parent_id],
        )
        copied.derive()
        copies[original.id] = copied
    for batch in peewee.chunked((copied.__data__ for copied in copies.values()), INSERTED_AT_ONCE):
        Node.insert_many(batch).execute()
    return copies[node.id]


def throw_away(node: Node) -> None:
    """Put a file, or a folder with all that is in it, into the trash; its name is free at once."""
    node.deleted_at = now()
    _change(node.subtree(), deleted_at=node.deleted_at, trashed_with=node.id)


def bring_back(node: Node, *, name: str | None = None, **place: UUID | None) -> Node:
    """Take out of the trash what went into it at one time, as `name` and to the folder `parent_id` if they are given.

    Otherwise it goes to where it was, or to the top if that folder is gone; raises `Conflict` if the name is taken.
    """
    if node.deleted_at is None:
        return node
    was_in = Node.get_or_none(Node.id == node.parent_id)
    folder = _folder(node.owner_id, place["parent_id"]) if "parent_id" in place else was_in
    _place(node, Node.trashed_with == node.id, folder, name or node.name, deleted_at=None, trashed_with=None)
    node.deleted_at = None
    return node


def purge(node: Node) -> None:
    """Delete for good what is in the trash."""
    if node.deleted_at is None:
        raise Conflict("Put it into the trash first; then it can be restored, or deleted for good.")
    audit_subject.capture_deleted(node)
    _delete(node.owner_id, Node.trashed_with == node.id)


def empty_trash(owner_id: UUID) -> None:
    """Delete for good all that a user has thrown away."""
    _delete(owner_id, (Node.owner_id == owner_id) & Node.deleted_at.is_null(False))


def delete_some(owner_id: UUID, most: int) -> bool:
    """Delete for good some of what a user has, from the leaves up; return whether there may be more."""
    mine = Node.with_deleted().select(Node.id).where(Node.owner_id == owner_id)
    some = [id for (id,) in mine.order_by(Node.key.desc()).limit(most).tuples()]
    _delete(owner_id, Node.id.in_(some))
    return len(some) == most


def _delete(owner_id: UUID, nodes: peewee.Expression) -> None:
    drive = Drive.locked(owner_id)
    freed = Node.bytes_of(nodes)
    Node.delete().where(nodes).execute()
    quota.take(drive, -freed)


def _folder(owner_id: UUID, folder_id: UUID | None) -> Node | None:
    """Return a folder of the owner, None for the top; raise `Invalid` if there is no such folder."""
    if folder_id is None:
        return None
    is_it = (Node.id == folder_id) & (Node.owner_id == owner_id) & (Node.kind == "folder")
    folder = Node.get_or_none(is_it)
    if folder is None:
        raise invalid("parent_id", "There is no such folder.")
    return folder


def _require_outside(node: Node, folder: Node | None) -> None:
    if folder and (folder.id == node.id or folder.key.startswith(f"{node.key}/")):
        raise invalid("parent_id", "A folder cannot be put into itself, nor into what is in it.")


def _put(owner_id: UUID, folder: Node | None, name: str, **values: Any) -> Node:
    node = Node(owner_id=owner_id, parent=folder, name=name, **values)
    node.derive()
    node.save(force_insert=True)
    return node


def _place(node: Node, nodes: peewee.Expression, folder: Node | None, name: str, **values: Any) -> None:
    """Put a node, and the others among `nodes`, which are below it, into a folder under a name."""
    path = f"{folder.path if folder else ''}/{name}"
    is_top = Node.id == node.id
    _change(
        nodes,
        name=peewee.Case(None, [(is_top, name)], Node.name),
        parent=peewee.Case(None, [(is_top, folder and str(folder.id))], Node.parent),
        path=peewee.fn.CONCAT(path, peewee.fn.substr(Node.path, len(node.path) + 1)),
        key=peewee.fn.CONCAT(folded(path), peewee.fn.substr(Node.key, len(node.key) + 1)),
        **values,
    )
    node.name, node.parent = name, folder


def _change(nodes: peewee.Expression, **values: Any) -> None:
    Node.update(version=Node.version + 1, updated_at=now(), **values).where(nodes).execute()
