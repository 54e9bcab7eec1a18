"""Counting the SQL statements of a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from blog_app import databases


@contextmanager
def counted() -> Iterator[list[str]]:
    """Yield a list that fills with the SQL of every statement that is sent to any logical database meanwhile."""
    sent: list[str] = []

    def hook(event: Any) -> None:
        sent.append(event.sql)

    servers = [database.obj for database in databases.ALL]
    for server in servers:
        server.query_hooks.append(hook)
    try:
        yield sent
    finally:
        for server in servers:
            server.query_hooks.remove(hook)
