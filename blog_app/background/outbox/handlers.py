"""Event handlers: the registry of the functions that react to outbox events."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from blog_app.background.outbox.events import EVENTS
from blog_app.data import databases
from blog_app.data.databases import LogicalDatabase

Function = TypeVar("Function", bound=Callable[[Any], None])


@dataclass(frozen=True)
class Event:
    """A published event, as its handlers get it."""

    id: UUID
    name: str
    subject: UUID
    """What it is about; events with one subject are delivered in order."""
    payload: dict[str, Any]
    published_at: datetime


class ServiceUnreachable(Exception):
    """A handler raises it when it cannot reach something it needs, other than a database.

    The delivery is retried as after any failure, and the handler's other deliveries back off for a moment too.
    """


@dataclass(frozen=True)
class Handler:
    """A function that reacts to an event."""

    name: str
    database: LogicalDatabase
    function: Callable[[Any], None]
    batch: int
    """The most events that it takes in one call, as a list; 0: it takes one."""
    external: bool
    """Whether it has an effect outside the databases, such as a mail."""


HANDLERS: dict[str, Handler] = {}
"""All handlers, by name."""
HANDLERS_BY_EVENT: dict[str, list[str]] = {name: [] for name in EVENTS}
"""The names of the handlers of each event."""


def event_handler(
    event: str, database: LogicalDatabase, *, batch: int = 0, external: bool = False
) -> Callable[[Function], Function]:
    """Register the decorated function as a handler of `event`, to be called in a transaction of `database`.

    With `batch` it gets a list of up to so many events, which is far cheaper where there are many; if a batch fails,
    each of its events is handled by itself. An `external` handler has an effect outside the databases, such as a mail:
    it is called outside any transaction, which would stay open meanwhile, and may be called again after its effect.

    The function's name identifies the handler in stored rows: after renaming it, keep the old name registered until the
    outbox has no rows for it.
    """

    def decorate(function: Function) -> Function:
        handler = Handler(f"{database.name}.{function.__name__}", database, function, batch, external)
        if HANDLERS.setdefault(handler.name, handler).function is not function:
            raise TypeError(f"two handlers are called {handler.name}")
        HANDLERS_BY_EVENT[event].append(handler.name)
        return function

    return decorate


def publishers(handlers: Collection[str]) -> list[LogicalDatabase]:
    """Return the databases whose outbox can have deliveries to one of these handlers."""
    names = {
        EVENTS[event].database for event, found in HANDLERS_BY_EVENT.items() if not set(found).isdisjoint(handlers)
    }
    return [database for database in databases.ALL if None in names or database.name in names]
