"""Dry run: a database that sends nothing and records the statements that a migration would send.

Given a live connection, it answers catalog queries from there (is this index valid? which foreign keys has this
table?), so it records what a run would send now. Without one it answers as if nothing existed yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import peewee
import psycopg2.extensions

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.database import BYPASSES_CHECKS

T = TypeVar("T")
CATALOG_QUERY = re.compile(r"^\s*SELECT\b[^;]*\b(pg_catalog|information_schema|pg_index)\b[^;]*;?\s*$", re.I)


@dataclass(frozen=True)
class Statement:
    """A statement that would be sent."""

    sql: str
    parameters: Any = None
    by_step: bool = False
    """Whether a `Step` sends it, which is safe for tables in use."""

    @property
    def text(self) -> str:
        """The statement with its parameters filled in."""
        try:
            return self.sql % tuple(literal(value) for value in self.parameters or ())
        except (TypeError, ValueError) as error:
            raise MigrationError(f"write %% for a percent sign in SQL: {self.sql[:200]}") from error


def literal(value: Any) -> str:
    """Return a parameter as SQL text."""
    adapted = psycopg2.extensions.adapt(value)
    if hasattr(adapted, "encoding"):
        adapted.encoding = "utf-8"
    return adapted.getquoted().decode()


class EmptyCursor:
    """The result of a statement that was not sent."""

    rowcount = 0
    description: tuple[Any, ...] = ()

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Any:
        return iter(())

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("it reads rows, which a preview does not have")


class ReplayCursor(EmptyCursor):
    """The empty result of a query in a replayed file, which Peewee may close."""

    def close(self) -> None:
        """Nothing to close."""


class DryRunDatabase(peewee.PostgresqlDatabase):
    """Collects `statements`; has the methods of a `Connection` that migrations use."""

    def __init__(
        self, name: str, live: peewee.PostgresqlDatabase | None = None, before: Sequence[Statement] = ()
    ) -> None:
        super().__init__("recorder")
        self.name = name
        self.live = live
        self.before = before
        """Statements that will have been sent before; the live catalog does not know their effect."""
        self.statements: list[Statement] = []
        self.in_step = False
        self.answers_catalog_queries = True
        """Whether catalog queries are answered instead of recorded."""
        self.cursor_class: type[EmptyCursor] = EmptyCursor
        """The result of all other statements."""

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if self.answers_catalog_queries and CATALOG_QUERY.match(sql):
            return self._query_catalog(sql, params)
        self.statements.append(Statement(sql, params, self.in_step))
        return self.cursor_class()

    def _query_catalog(self, sql: str, params: Any) -> Any:
        if not self.live or (self.in_step and self._changed(params)):
            return EmptyCursor()
        with self.live.atomic() as transaction:
            self.live.execute_sql("SET TRANSACTION READ ONLY")  # A preview changes nothing, whatever is sent.
            rows = self.live.execute_sql(sql, params)
            transaction.rollback()
        return rows

    def _changed(self, params: Any) -> bool:
        """Return whether an earlier statement names the index, constraint or column that is asked about."""
        name = str(params[-1]).rpartition(".")[2].strip('"')
        return any(re.search(rf"\b{re.escape(name)}\b", found.sql) for found in (*self.before, *self.statements))

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Refuse what bypasses `execute_sql`, and so would not be recorded."""
        raise MigrationError(BYPASSES_CHECKS)

    def report(self, text: str) -> None:
        """Print nothing: nothing happens."""

    def send(self, sql: str) -> Any:
        return self.execute_sql(sql.replace("%", "%%"))

    def value(self, sql: str, params: Any = None) -> Any:
        row = self.execute_sql(sql, params).fetchone()
        return row[0] if row else None

    def retry_on_lock_timeout(self, attempt: Callable[[], T], what: str) -> T:
        return attempt()

    @contextmanager
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> Iterator[None]:
        yield

    def begin(self, isolation_level: Any = None) -> None:
        """Nothing to begin, to commit or to roll back."""

    commit = rollback = begin
