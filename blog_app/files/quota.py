"""How much one owner may store (`FILES_QUOTA_BYTES`).

Every file counts for its owner with its size: copies, what others have stored too, and what is in the trash, until it
is deleted for good. Folders count nothing.

Guarantee: nobody comes to have more, whoever uploads, replaces and copies at once, because the total is kept in the
owner's drive, which is locked by whoever adds or deletes. What makes nothing larger is never refused, and what is there
when the limit is lowered stays.

The total is kept because counting costs, at each upload, 5 to 30 ms for 100,000 files. Whoever changes `files.nodes` by
hand, in psql, ends with `UPDATE files.drives SET used = NULL`: then they are counted anew.
"""

from __future__ import annotations

from uuid import UUID

from blog_app.config import settings
from blog_app.errors import Conflict
from blog_app.files.models import Drive, Node


def take(drive: Drive, size: int) -> None:
    """Count so many bytes more (or fewer) in a drive, which is locked; raise `Conflict` if that is too much."""
    _require_room(drive.used, size)
    drive.used += size
    drive.save()


def look(owner_id: UUID, size: int) -> None:
    """Raise `Conflict` if `size` bytes more would be too much now; only `take` can say that they are not."""
    _require_room(_used_by(owner_id), size)


def storage_of(owner_id: UUID) -> dict[str, int | None]:
    """Return how many bytes the owner's files have, the most that they may have, and how many are left of that."""
    used = _used_by(owner_id)
    most = settings().files_quota_bytes or None
    return {"limit": most, "used": used, "left": None if most is None else max(0, most - used)}


def _used_by(owner_id: UUID) -> int:
    used: int | None = Drive.select(Drive.used).where(Drive.owner_id == owner_id).scalar()
    return Node.bytes_of(Node.owner_id == owner_id) if used is None else used


def _require_room(used: int, size: int) -> None:
    if size <= 0:
        return
    most = settings().files_quota_bytes
    if most and used + size > most:
        raise Conflict(
            f"There is no room for {size} bytes more: of the {most} bytes that one owner may store, {used} are used, "
            "which includes what is in the trash."
        )
