"""Counters of the comments of posts, and lists of posts by views and likes.

Lists by popularity begin at the index of a counter, so every post gets a row of counters (012).
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.add_fields("post_counters", comments=pw.IntegerField(default=0))
    for counter in ("views", "likes"):
        migrator.add_index_concurrently("post_counters", counter, "post_id")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    for counter in ("views", "likes"):
        migrator.drop_index_concurrently(f"post_counters_{counter}_post_id")
    migrator.remove_fields("post_counters", "comments")
