"""Read routing: which server answers the reads of this request outside transactions; by default the primary.

And, for tests and their checks, a record of the statements that were sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Reader(Protocol):
    """Answers reads instead of the primary."""

    def read(self, sql: str, params: Any) -> Any:
        """Return the cursor of a statement that only reads."""


_readers: ContextVar[dict[str, Reader] | None] = ContextVar("readers", default=None)


def reader_of(name: str) -> Reader | None:
    """Return the reader that answers for a logical database; None: the primary."""
    readers = _readers.get()
    return readers.get(name) if readers else None


@contextmanager
def route_reads(readers: Mapping[str, Reader]) -> Iterator[None]:
    """Let these readers, by logical database, answer the reads of the context."""
    token = _readers.set(dict(readers))
    try:
        yield
    finally:
        _readers.reset(token)


_recorded: ContextVar[list[str] | None] = ContextVar("recorded", default=None)


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """Yield a list to which every statement sent in this context is added, whichever server answers it."""
    statements: list[str] = []
    outer = _recorded.get()
    token = _recorded.set(statements)
    try:
        yield statements
    finally:
        _recorded.reset(token)
        if outer is not None:
            outer += statements


def record_statement(sql: str) -> None:
    """Add a statement to the list of the `recorded_statements` context, if there is one."""
    statements = _recorded.get()
    if statements is not None:
        statements.append(sql)


def to_primary(name: str) -> None:
    """Let the primary of a logical database answer for the rest of the current context."""
    readers = _readers.get()
    if readers:
        readers.pop(name, None)
