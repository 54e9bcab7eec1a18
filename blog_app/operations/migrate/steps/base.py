"""What a migration is made of: operations in their order.

Most operations are peewee-migrate's, or SQL, and may run in a transaction. A `Step` of ours knows more: what it does in
one line, and whether it must run outside a transaction. Those steps look first at what is already there, so that one
which was killed in its middle is finished by the next run.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from playhouse.migrate import Operation

from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.history import Step as Progress

# Statements that PostgreSQL refuses inside a transaction.
ALONE = re.compile(
    r"VACUUM\b|CLUSTER\s*;?\s*$|REINDEX\b.*\b(CONCURRENTLY|SCHEMA|DATABASE|SYSTEM)\b|ALTER\s+SYSTEM\b"
    r"|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\b|ALTER\s+TABLE\b.*\bDETACH\b.*\bCONCURRENTLY\b",
    re.I | re.S,
)
LOUD = re.compile(r"VACUUM\b[^;]*\bFULL\b|CLUSTER\b|REINDEX\b(?!.*\bCONCURRENTLY\b)", re.I | re.S)
"""Those of them that keep others out, and so must not wait for a lock with others behind them."""
LEADING_COMMENTS = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*")


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
    return bool(ALONE.match(sql_of(operation)))


def waits_quietly(operation: Any) -> bool:
    """Return whether nobody else has to wait while the operation waits for its lock."""
    return not LOUD.match(sql_of(operation))


def without_comments(sql: str) -> str:
    """Return the statement without the comments that it begins with."""
    found = LEADING_COMMENTS.match(sql)
    return sql[found.end() :] if found else sql


def sql_of(operation: Any) -> str:
    """Return the SQL that the file gives, without the comments that it begins with; empty for any other operation."""
    is_sql = isinstance(operation, Operation) and operation.fn.__name__ == "sql"
    return without_comments(operation.args[0]) if is_sql else ""


def perform(operation: Any) -> None:
    """Run an operation that is no `Step`; an error carries a note that says which operation it was."""
    try:
        if isinstance(operation, Operation):
            operation.run()
        else:
            operation()
    except BaseException as error:
        error.add_note(describe(operation))
        raise


def quoted(*parts: str) -> str:
    """Return an SQL identifier such as "blog"."posts"."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
