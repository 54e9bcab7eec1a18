"""Counting the SQL statements of a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blog_app.data.databases import routing

OF_WATERMARKS = ("watermark_epoch", "pg_current_wal_insert_lsn")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield a list that fills with the SQL of every statement that this thread sends meanwhile, to whichever server.

    At the end those are taken out that leases and marks needed: they are seldom, and depend on the time.
    """
    with routing.noted() as sent:
        yield sent
        sent[:] = [sql for sql in sent if not any(word in sql for word in OF_WATERMARKS)]
