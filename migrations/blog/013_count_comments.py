"""The number of comments of each post, for the comments that exist.

The code that counts new ones is released with 011 and may run meanwhile: differences are added as one snapshot sees
them.
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False

APPROVED = "subject_type = 'post' AND status = 'approved' AND deleted_at IS NULL"
COUNTED = f"SELECT count(*) FROM blog.comments WHERE subject_id = post_counters.post_id AND {APPROVED}"  # noqa: S608
SEEN = "SELECT seen.comments FROM blog.post_counters AS seen WHERE seen.post_id = post_counters.post_id"


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.backfill("post_counters", f"comments = comments + ({COUNTED}) - ({SEEN})")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """Do nothing: the numbers are correct, and the rollback of 011 drops the column."""
