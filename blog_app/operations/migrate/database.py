"""The protocol of a migration's database: a `Connection` when it runs, a `DryRunDatabase` when it is previewed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Reporter = Callable[[str], None]
BYPASSES_CHECKS = (
    "a cursor or a connection of your own bypasses the checks. Use migrator.sql or database.execute_sql instead"
)


class Database(Protocol):
    name: str

    @property
    def report(self) -> Reporter: ...
    def execute_sql(self, sql: str, params: Any = None) -> Any: ...
    def send(self, sql: str) -> Any: ...
    def value(self, sql: str, params: Any = None) -> Any: ...
    def retry_on_lock_timeout(self, attempt: Callable[[], T], what: str) -> T: ...
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> AbstractContextManager[None]: ...
    def atomic(self) -> AbstractContextManager[Any]: ...


def send_with_retry(database: Database, sql: str, what: str) -> None:
    """Send a statement, again when it gets no lock; `what` names it in messages."""
    database.retry_on_lock_timeout(lambda: database.send(sql), what)
