"""The storage quota: how many bytes one owner may store (`FILES_QUOTA_BYTES`).

Every file counts with its size for its owner: also copies, contents that others have stored too, and files in the trash
until they are permanently deleted. Folders do not count.

Guarantee: no owner exceeds the quota, whatever requests run concurrently, because the total is stored in the owner's
drive, whose row is locked by every change. A change that adds no bytes is never refused, and existing files stay when
the quota is lowered.

The total is stored because counting 100,000 files costs 5 to 30 ms at each upload. After changing `files.nodes` by
hand, in psql, run `UPDATE files.drives SET used = NULL`: then it is computed again.
"""

from __future__ import annotations

from uuid import UUID

from blog_app.config import settings
from blog_app.errors import Conflict
from blog_app.files.models import Drive, Node


def add_usage(drive: Drive, size: int) -> None:
    """Add `size` bytes, which may be negative, to a locked drive; raise `Conflict` if that exceeds the quota."""
    _require_within_quota(drive.used, size)
    drive.used += size
    drive.save()


def require_room(owner_id: UUID, size: int) -> None:
    """Raise `Conflict` if `size` bytes more exceed the quota now; an early check, only `add_usage` is exact."""
    _require_within_quota(_used_by(owner_id), size)


def usage_of(owner_id: UUID) -> dict[str, int | None]:
    """Return the owner's `limit`, and how much of it is `used` and `left`, in bytes."""
    used = _used_by(owner_id)
    limit = settings().files_quota_bytes or None
    return {"limit": limit, "used": used, "left": None if limit is None else max(0, limit - used)}


def _used_by(owner_id: UUID) -> int:
    used: int | None = Drive.select(Drive.used).where(Drive.owner_id == owner_id).scalar()
    return Node.bytes_of(Node.owner_id == owner_id) if used is None else used


def _require_within_quota(used: int, size: int) -> None:
    if size <= 0:
        return
    limit = settings().files_quota_bytes
    if limit and used + size > limit:
        raise Conflict(
            f"Storage quota exceeded: no room for {size} bytes more, {used} of {limit} bytes are used, "
            "including the trash."
        )
