"""A database that sends nothing: it notes the statements that a migration would send.

Given a live connection, it answers questions about the catalog from there (is this index valid? which foreign keys has
this table?), so what it notes is what a run would do now. Without one, nothing exists yet.
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
from blog_app.operations.migrate.database import PAST_THE_CHECKS

T = TypeVar("T")
CATALOG_QUESTION = re.compile(r"^\s*SELECT\b[^;]*\b(pg_catalog|information_schema|pg_index)\b[^;]*;?\s*$", re.I)


@dataclass(frozen=True)
class Statement:
    """A statement that would be sent."""

    sql: str
    parameters: Any = None
    by_step: bool = False
    """Whether one of our own steps sends it, which know how not to hurt."""

    @property
    def text(self) -> str:
        """The statement as the server would get it."""
        try:
            return self.sql % tuple(literal(value) for value in self.parameters or ())
        except (TypeError, ValueError) as error:
            raise MigrationError(f"a percent sign in SQL is written %%: {self.sql[:200]}") from error


def literal(value: Any) -> str:
    """Return a parameter as SQL text."""
    adapted = psycopg2.extensions.adapt(value)
    if hasattr(adapted, "encoding"):
        adapted.encoding = "utf-8"
    return adapted.getquoted().decode()


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

    def __getattr__(self, name: str) -> Any:
        raise AttributeError("it reads rows, and a preview reads none")


class NoRows(EmptyCursor):
    """What a question returns whose answer no longer matters."""

    def close(self) -> None:
        """Nothing to close."""


class Recorder(peewee.PostgresqlDatabase):
    """Collects `statements`; has the methods of a `Connection` that steps use."""

    def __init__(
        self, name: str, live: peewee.PostgresqlDatabase | None = None, before: Sequence[Statement] = ()
    ) -> None:
        super().__init__("recorder")
        self.name = name
        self.live = live
        self.before = before
        """What will have been sent by then: what it speaks of is no more as it is now."""
        self.statements: list[Statement] = []
        self.in_step = False
        self.answers = True
        """Whether questions about the catalog are answered, and not noted."""
        self.answer: type[EmptyCursor] = EmptyCursor
        """What all other statements return."""

    def execute_sql(self, sql: str, params: Any = None) -> Any:
        if self.answers and CATALOG_QUESTION.match(sql):
            return self._ask(sql, params)
        self.statements.append(Statement(sql, params, self.in_step))
        return self.answer()

    def _ask(self, sql: str, params: Any) -> Any:
        if not self.live or (self.in_step and self._changed(params)):
            return EmptyCursor()
        with self.live.atomic() as transaction:
            self.live.execute_sql("SET TRANSACTION READ ONLY")  # A preview changes nothing, whatever is asked.
            answer = self.live.execute_sql(sql, params)
            transaction.rollback()
        return answer

    def _changed(self, params: Any) -> bool:
        """Return whether an earlier statement speaks of the index, constraint or column that is asked about."""
        name = str(params[-1]).rpartition('."')[2].strip('"')
        return any(re.search(rf"\b{re.escape(name)}\b", found.sql) for found in (*self.before, *self.statements))

    def connect(self, reuse_if_open: bool = False) -> bool:
        """Refuse what goes past `execute_sql`, where nobody would see it."""
        raise MigrationError(PAST_THE_CHECKS)

    def say(self, text: str) -> None:
        """Nothing happens that anybody must be told of."""

    def send(self, sql: str) -> Any:
        return self.execute_sql(sql.replace("%", "%%"))

    def value(self, sql: str, params: Any = None) -> Any:
        row = self.execute_sql(sql, params).fetchone()
        return row[0] if row else None

    def patiently(self, attempt: Callable[[], T], what: str) -> T:
        return attempt()

    @contextmanager
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> Iterator[None]:
        yield

    def begin(self, isolation_level: Any = None) -> None:
        """Nothing to begin."""

    def commit(self) -> None:
        """Nothing to commit."""

    def rollback(self) -> None:
        """Nothing to roll back."""
