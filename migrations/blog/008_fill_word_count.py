"""The word count of posts, step 2 of 3: backfill the existing rows.

It may be stopped and resumed. `content.word_count_of` counts the same in Python.
"""

import peewee as pw
from peewee_migrate import Migrator

atomic = False

SPACED = "regexp_replace(content_html, '</(p|h[1-6]|li|dd|dt|pre|td|th|tr|figcaption|div)>|<[bh]r>', ' ', 'g')"
PLAIN = f"replace(regexp_replace({SPACED}, '<[^>]*>', '', 'g'), '&nbsp;', ' ')"


def migrate(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    migrator.backfill("posts", rf"word_count = regexp_count({PLAIN}, '\S+')", where="word_count IS NULL")


def rollback(migrator: Migrator, database: pw.Database, *, fake: bool = False) -> None:
    """Do nothing: the numbers are correct, and the rollback of 007 drops the column."""
