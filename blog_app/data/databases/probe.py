"""A question to a server that must not take longer than a time limit, whatever state the server is in.

A blocking connection cannot promise that: a frozen server keeps the connection open and never answers.
"""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg2
import psycopg2.extensions


class NoAnswer(Exception):
    """The server did not answer in time, or answered an error."""


class Probe:
    """A connection to one address, kept from one question to the next."""

    def __init__(self, url: str, limit: float) -> None:
        self.url = url
        self.limit = limit
        self._connection: Any = None

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Return the first row of the answer; raise `NoAnswer`."""
        deadline = time.monotonic() + self.limit
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self.url, async_=True)
                self._wait(deadline)
            cursor = self._connection.cursor()
            cursor.execute(sql)
            self._wait(deadline)
            return tuple(cursor.fetchone())
        except (psycopg2.Error, OSError) as error:
            self.close()
            raise NoAnswer(str(error)) from error
        except NoAnswer:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wait(self, deadline: float) -> None:
        while (state := self._connection.poll()) != psycopg2.extensions.POLL_OK:
            reads = [self._connection] if state == psycopg2.extensions.POLL_READ else []
            writes = [self._connection] if state == psycopg2.extensions.POLL_WRITE else []
            if not any(select.select(reads, writes, [], max(0.0, deadline - time.monotonic()))):
                raise NoAnswer("no answer in time")
