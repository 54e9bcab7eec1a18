"""What a migration is made of: operations in their order.

Most operations are peewee-migrate's, or SQL, and may run in a transaction. A `Step` of ours knows more: what it does in
one line, and whether it must run outside a transaction. Those steps look first at what is already there, so that one
which was killed in its middle is finished by the next run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from playhouse.migrate import Operation

from blog_app.migrate.history import Step as Progress

T = TypeVar("T")
# Statements that PostgreSQL refuses inside a transaction.
ALONE = re.compile(
    r"^\s*(VACUUM|REINDEX\b.*\bCONCURRENTLY|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY|ALTER\s+SYSTEM)", re.I
)


class Database(Protocol):
    """What a step needs: a `Connection` when it runs, a `Recorder` when it is previewed."""

    name: str

    def execute_sql(self, sql: str, params: Any = None) -> Any: ...
    def send(self, sql: str) -> Any: ...
    def value(self, sql: str, params: Any = None) -> Any: ...
    def patiently(self, attempt: Callable[[], T], what: str) -> T: ...
    def limits(self, *, lock: float | None = None, statement: float | None = None) -> AbstractContextManager[None]: ...
    def atomic(self) -> AbstractContextManager[Any]: ...


class Step:
    """One operation of ours."""

    outside_transaction = True

    def __str__(self) -> str:
        """One line that says what it does."""
        raise NotImplementedError

    def run(self, database: Database, progress: Progress | None, note: Callable[[Any, int], None]) -> None:
        """Do it. `progress` is where an earlier run stopped; `note(position, rows)` records how far this one is."""
        raise NotImplementedError

    def preview(self, database: Database) -> None:
        """Send what `run` would send to a database that only notes it."""
        self.run(database, None, lambda position, rows: None)


class PythonStep:
    """A Python function of a migration: nobody can tell what it will do without running it."""

    def __init__(self, function: Any, args: Any, kwargs: Any) -> None:
        self.function = function
        self.args = args
        self.kwargs = kwargs

    def __str__(self) -> str:
        return f"run {getattr(self.function, '__name__', self.function)}()"

    def __call__(self) -> None:
        self.function(*self.args, **self.kwargs)


def describe(operation: Any) -> str:
    """Return one line that says what an operation of a migration does."""
    if isinstance(operation, Operation):
        if operation.fn.__name__ == "sql":
            return " ".join(operation.args[0].split())[:200]
        arguments = ", ".join(str(argument) for argument in operation.args if isinstance(argument, str | int | tuple))
        return f"{operation.fn.__name__} {arguments}"[:200]
    return str(operation)


def runs_alone(operation: Any) -> bool:
    """Return whether the operation must be sent outside a transaction."""
    if isinstance(operation, Step):
        return operation.outside_transaction
    is_sql = isinstance(operation, Operation) and operation.fn.__name__ == "sql"
    return is_sql and bool(ALONE.match(operation.args[0]))


def perform(operation: Any) -> None:
    """Run an operation that is no `Step`; an error carries a note that says which operation it was."""
    try:
        if isinstance(operation, Operation):
            operation.run()
        else:
            operation()
    except Exception as error:
        error.add_note(describe(operation))
        raise


def quoted(*parts: str) -> str:
    """Return an SQL identifier such as "blog"."posts"."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
