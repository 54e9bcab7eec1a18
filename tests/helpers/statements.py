"""The SQL statements that a block sends, for tests that count them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blog_app.data.databases import routing

WATERMARK_SQL = ("watermark_epoch", "pg_current_wal_insert_lsn")


@contextmanager
def captured_statements() -> Iterator[list[str]]:
    """Yield a list of the SQL of every statement that this thread sends during the block, to whichever server.

    At the end the statements of leases and watermarks are left out: they are rare, and depend on the time.
    """
    with routing.recorded_statements() as sent:
        yield sent
        sent[:] = [sql for sql in sent if not any(part in sql for part in WATERMARK_SQL)]
