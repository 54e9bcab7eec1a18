"""What a migration needs of a database: a `Connection` when it runs, a `Recorder` when it is previewed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Say = Callable[[str], None]
PAST_THE_CHECKS = (
    "a cursor or a connection of one's own goes past the checks: send SQL by migrator.sql or database.execute_sql"
)


class Database(Protocol):
    name: str

    @property
    def say(self) -> Say: ...
    def execute_sql(self, sql: str, params: Any = None) -> Any: ...
    def send(self, sql: str) -> Any: ...
    def value(self, sql: str, params: Any = None) -> Any: ...
    def patiently(self, attempt: Callable[[], T], what: str) -> T: ...
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> AbstractContextManager[None]: ...
    def atomic(self) -> AbstractContextManager[Any]: ...
