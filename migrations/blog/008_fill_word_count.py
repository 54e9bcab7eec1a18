"""The number of words of each post: second step of three, the rows that are there.

In batches, each a transaction of its own; it may be stopped and started again. `content.word_count_of` says the same
in Python.
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False

SPACED = "regexp_replace(content_html, '</(p|h[1-6]|li|dd|dt|pre|td|th|tr|figcaption|div)>|<[bh]r>', ' ', 'g')"
PLAIN = f"replace(regexp_replace({SPACED}, '<[^>]*>', '', 'g'), '&nbsp;', ' ')"


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.backfill("posts", rf"word_count = regexp_count({PLAIN}, '\S+')", where="word_count IS NULL")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """The numbers stay: they are right, and 007 takes the column away."""
