"""The operations of a migration: peewee-migrate's own, SQL, Python functions, and the steps of this project.

A `Step` describes itself in one line and says whether it must run outside a transaction. It first looks at what is
already there, so that the next run finishes a step that was killed half-way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playhouse.migrate import Operation

from blog_app.operations.migrate import app_models
from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.history import StepProgress

NON_TRANSACTIONAL = re.compile(
    r"VACUUM\b|CLUSTER\s*;?\s*$|REINDEX\b.*\b(CONCURRENTLY|SCHEMA|DATABASE|SYSTEM)\b|ALTER\s+SYSTEM\b"
    r"|(CREATE|DROP)\s+(UNIQUE\s+)?INDEX\s+CONCURRENTLY\b|ALTER\s+TABLE\b.*\bDETACH\b.*\bCONCURRENTLY\b",
    re.I | re.S,
)
"""Statements that PostgreSQL refuses inside a transaction."""
BLOCKING = re.compile(r"VACUUM\b[^;]*\bFULL\b|CLUSTER\b|REINDEX\b(?!.*\bCONCURRENTLY\b)", re.I | re.S)
"""Those of them that take a strong lock: while they wait for it, everybody else waits behind them."""
SaveProgress = Callable[[Any, int], None]
"""Records how far a step got: `save_progress(last_key, rows)`."""
LEADING_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*(?!/))*\*/)*")


class Step:
    """An operation for tables in use."""

    outside_transaction = True

    def __str__(self) -> str:
        """One line that says what it does."""
        raise NotImplementedError

    def run(self, database: Database, progress: StepProgress | None, save_progress: SaveProgress) -> None:
        """Perform the step. `progress` is where an earlier run stopped."""
        raise NotImplementedError

    def preview(self, database: Database) -> None:
        """Send to a `DryRunDatabase` what `run` would send."""
        self.run(database, None, lambda last_key, rows: None)


@dataclass
class PythonStep:
    """A Python function of a migration; only running it shows what it sends."""

    function: Any
    args: Any
    kwargs: Any

    def __str__(self) -> str:
        return f"run {getattr(self.function, '__name__', self.function)}()"

    def __call__(self) -> None:
        with app_models.refused():
            self.function(*self.args, **self.kwargs)


def describe(operation: Any) -> str:
    """Return one line that says what an operation does."""
    if isinstance(operation, Operation):
        if operation.fn.__name__ == "sql":
            return " ".join(operation.args[0].split())[:200]
        arguments = ", ".join(str(argument) for argument in operation.args if isinstance(argument, str | int | tuple))
        return f"{operation.fn.__name__} {arguments}"[:200]
    return str(operation)


def strip_leading_comments(sql: str) -> str:
    """Return the statement without its leading comments."""
    return LEADING_COMMENTS.sub("", sql, count=1)


def raw_sql(operation: Any) -> str:
    """Return the SQL of a `migrator.sql` operation, without its leading comments; empty for any other operation."""
    is_sql = isinstance(operation, Operation) and operation.fn.__name__ == "sql"
    return strip_leading_comments(operation.args[0]) if is_sql else ""


def perform(operation: Any) -> None:
    """Run an operation that is not a `Step`; an error carries a note that names the operation."""
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
