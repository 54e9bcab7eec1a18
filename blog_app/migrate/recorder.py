"""A database that sends nothing: it notes the statements that a migration would send."""

from __future__ import annotations

from typing import Any

import peewee


class EmptyCursor:
    """What a statement returns that was not sent."""

    rowcount = 0
    description: tuple[Any, ...] = ()

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Any:
        return iter(())


class Recorder(peewee.PostgresqlDatabase):
    """Collects `(sql, parameters)` in `statements`."""

    def __init__(self) -> None:
        super().__init__("recorder")
        self.statements: list[tuple[str, Any]] = []

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        self.statements.append((sql, params))
        return EmptyCursor()

    def begin(self, isolation_level: Any = None) -> None:
        """Nothing to begin."""

    def commit(self) -> None:
        """Nothing to commit."""

    def rollback(self) -> None:
        """Nothing to roll back."""
