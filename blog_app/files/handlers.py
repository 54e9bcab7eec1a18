"""What becomes of files when their owner has left, and of contents that no file has."""

from __future__ import annotations

from datetime import timedelta

from blog_app.accounts import directory
from blog_app.background import jobs
from blog_app.background.outbox.handlers import Event, event_handler
from blog_app.config import settings
from blog_app.data import databases
from blog_app.data.models import now
from blog_app.files import contents, tree
from blog_app.files.models import Drive

DELETED_AT_ONCE = 2_000


@event_handler("user.left", databases.files)
def close_drive(event: Event) -> None:
    """Let everything that belongs to a user who left go after a while: an admin may still restore them."""
    Drive.locked(event.subject).change(closes_at=now() + timedelta(days=settings().files_grace_days))


@jobs.every(timedelta(hours=1), databases.files)
def empty_closed_drives() -> bool:
    """Delete what users had who left long enough ago, some at a time; who is back by now keeps everything."""
    closed = Drive.select().where(Drive.closes_at <= now()).order_by(Drive.closes_at)
    drive = closed.for_update("FOR UPDATE SKIP LOCKED").first()
    if drive is None:
        return False
    if directory.existing_ids([str(drive.owner_id)]):
        drive.change(closes_at=None)
    elif not tree.delete_some(drive.owner_id, DELETED_AT_ONCE):
        drive.delete_instance()
    return True


@jobs.every(timedelta(minutes=30), databases.files)
def forget_unused_contents() -> bool:
    """Delete contents that no file has had for a while."""
    return contents.forget_unused()
