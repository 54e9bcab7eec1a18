"""Read routing: the route of this request's reads outside transactions; without one they go to the primary.

`watermarks.lookup` chooses the routes. Also here, for tests and their checks: a record of the statements sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol


class ReadRoute(Protocol):
    """Sends reads to another server than the primary."""

    def read(self, sql: str, params: Any) -> Any:
        """Return the cursor of a statement that only reads."""


_routes: ContextVar[dict[str, ReadRoute] | None] = ContextVar("routes", default=None)


def read_route(name: str) -> ReadRoute | None:
    """Return the route of reads of a logical database; None: the primary."""
    routes = _routes.get()
    return routes.get(name) if routes else None


@contextmanager
def route_reads(routes: Mapping[str, ReadRoute]) -> Iterator[None]:
    """Send the reads of the context by these routes, one for each logical database."""
    token = _routes.set(dict(routes))
    try:
        yield
    finally:
        _routes.reset(token)


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
    routes = _routes.get()
    if routes:
        routes.pop(name, None)
