"""Refuses the app's own models in the Python code of migrations.

They are the models of today, while the schema is the one of then: a file that uses them stops working when they change.
They also have a connection of their own, outside the migration's transaction, its time limits and its checks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from blog_app.data import databases
from blog_app.operations.migrate import MigrationError


class _Refusal:
    """Stands in for the server of a logical database, for one thread."""

    def __init__(self, name: str, server: Any) -> None:
        self._name, self._server, self._thread = name, server, threading.get_ident()

    def __getattr__(self, attribute: str) -> Any:
        if threading.get_ident() != self._thread:
            return getattr(self._server, attribute)
        raise MigrationError(
            f"a migration must not use the app's own models (here one of {self._name}): they are those of today, and "
            'write outside of the migration\'s transaction. Use migrator.orm["table"], migrator.sql or the database '
            "that is passed to migrate()"
        )


@contextmanager
def refused() -> Iterator[None]:
    """Let the app's models raise `MigrationError` in this thread."""
    servers = {name: database.obj for name, database in databases.BY_NAME.items()}
    for name, server in servers.items():
        databases.BY_NAME[name].obj = _Refusal(name, server)
    try:
        yield
    finally:
        for name, server in servers.items():
            databases.BY_NAME[name].obj = server
