"""The outbox handler and the jobs of the files domain: they delete the files of deleted users, and unused contents."""

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

DELETE_BATCH_SIZE = 2_000


@event_handler("user.left", databases.files)
def close_drive(event: Event) -> None:
    """Schedule the deletion of a deleted user's files after a grace period: an admin may still restore the user."""
    Drive.locked(event.subject).change(closes_at=now() + timedelta(days=settings().files_grace_days))


@jobs.every(timedelta(hours=1), databases.files)
def empty_closed_drives() -> bool:
    """Delete the files of deleted users whose grace period is over, in batches; restored users keep theirs."""
    closed = Drive.select().where(Drive.closes_at <= now()).order_by(Drive.closes_at)
    drive = closed.for_update("FOR UPDATE SKIP LOCKED").first()
    if drive is None:
        return False
    if directory.existing_ids([str(drive.owner_id)]):
        drive.change(closes_at=None)
    elif not tree.delete_batch(drive.owner_id, DELETE_BATCH_SIZE):
        drive.delete_instance()
    return True


@jobs.every(timedelta(minutes=30), databases.files)
def forget_unused_contents() -> bool:
    """Delete contents that no file uses any more."""
    return contents.delete_unused()
