"""Waiting for psycopg2 without blocking in it: a non-blocking connection is polled, up to a deadline."""

from __future__ import annotations

import select
import time
from typing import Any

from psycopg2.extensions import POLL_OK, POLL_READ, POLL_WRITE


def poll_until_done(connection: Any, deadline: float | None = None) -> None:
    """Return when a connection is open, or its statement is done; raise `TimeoutError` at a monotonic `deadline`."""
    while (state := connection.poll()) != POLL_OK:
        reads = [connection] if state == POLL_READ else []
        writes = [connection] if state == POLL_WRITE else []
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not any(select.select(reads, writes, [], timeout)):
            raise TimeoutError("no answer in time")
