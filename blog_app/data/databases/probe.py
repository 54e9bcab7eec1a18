"""A health check query with a hard time limit, whatever state the server is in.

A blocking connection cannot promise that: a frozen server keeps the connection open and never answers.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg2

from blog_app.data.databases.polling import poll_until_done


class ProbeFailed(Exception):
    """The server did not answer in time, or returned an error."""


class Probe:
    """A persistent connection to one address."""

    def __init__(self, url: str, limit: float) -> None:
        self.url = url
        self.limit = limit
        self._connection: Any = None

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Return the first row of the result; raise `ProbeFailed`."""
        deadline = time.monotonic() + self.limit
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self.url, async_=True)
                poll_until_done(self._connection, deadline)
            cursor = self._connection.cursor()
            cursor.execute(sql)
            poll_until_done(self._connection, deadline)
            return tuple(cursor.fetchone())
        except (psycopg2.Error, OSError) as error:
            self.close()
            raise ProbeFailed(str(error)) from error

    def close(self) -> None:
        """Close the connection; the next `ask` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
