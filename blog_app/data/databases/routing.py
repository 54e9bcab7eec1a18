"""Who answers the reads of this request or command, outside its transactions; by default the primary does.

And, for tests and for checks that tests make, which statements were sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class Reader(Protocol):
    """Answers reads in the primary's stead."""

    def read(self, sql: str, params: Any) -> Any:
        """Return the cursor of a statement that only reads."""


_readers: ContextVar[dict[str, Reader] | None] = ContextVar("readers", default=None)


def reader(name: str) -> Reader | None:
    """Return who answers the reads of a logical database; None: the primary."""
    readers = _readers.get()
    return readers.get(name) if readers else None


@contextmanager
def routed(readers: Mapping[str, Reader]) -> Iterator[None]:
    """Let these readers answer, by logical database, while the context lasts."""
    token = _readers.set(dict(readers))
    try:
        yield
    finally:
        _readers.reset(token)


@contextmanager
def primary() -> Iterator[None]:
    """Let the primaries answer everything while the context lasts."""
    token = _readers.set(None)
    try:
        yield
    finally:
        _readers.reset(token)


_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noted() -> Iterator[list[str]]:
    """Yield a list that gets every statement sent in this context, whichever server answers it."""
    statements: list[str] = []
    outer = _noted.get()
    token = _noted.set(statements)
    try:
        yield statements
    finally:
        _noted.reset(token)
        if outer is not None:
            outer += statements


def note(sql: str) -> None:
    """Add a statement to the list of who wants to know, if anybody does."""
    statements = _noted.get()
    if statements is not None:
        statements.append(sql)


def to_primary(name: str) -> None:
    """Let the primary of a logical database answer from now on, in the context that there is."""
    readers = _readers.get()
    if readers:
        readers.pop(name, None)
