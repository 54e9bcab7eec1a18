"""Waiting for psycopg2 without blocking in it: a non-blocking connection is polled, up to a deadline."""

from __future__ import annotations

import select
import time
from typing import Any

import psycopg2
from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE


def poll_until_done(connection: Any, deadline: float | None = None) -> None:
    """Return when a connection is open, or its statement is done; raise `TimeoutError` at a monotonic `deadline`."""
    while (state := connection.poll()) != POLL_OK:
        reads = [connection] if state == POLL_READ else []
        writes = [connection] if state == POLL_WRITE else []
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not any(select.select(reads, writes, [], timeout)):
            raise TimeoutError("no answer in time")


class Probe:
    """A persistent connection to one address, whose answers have a hard timeout.

    A blocking connection cannot promise that: a frozen server keeps the connection open and never answers.
    """

    def __init__(self, url: str, limit: float) -> None:
        self.url = url
        self.limit = limit
        self._connection: Any = None

    def ask(self, sql: str) -> tuple[Any, ...]:
        """Return the first row of the result; raise psycopg2's errors, or `OSError`, if there is none in time.

        `TimeoutError` says that a server or pooler accepted the connection, and then did not answer.
        """
        deadline = time.monotonic() + self.limit
        try:
            if self._connection is None:
                self._connection = psycopg2.connect(self.url, async_=True)
                self._await_login(deadline)
            cursor = self._connection.cursor()
            cursor.execute(sql)
            poll_until_done(self._connection, deadline)
            return tuple(cursor.fetchone())
        except (psycopg2.Error, OSError):
            self.close()
            raise

    def _await_login(self, deadline: float) -> None:
        try:
            poll_until_done(self._connection, deadline)
        except TimeoutError as error:
            raise ConnectionError("no connection in time") from error

    def close(self) -> None:
        """Close the connection; the next `ask` opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
