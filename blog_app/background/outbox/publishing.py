"""Publishing an event, and saying who reacts to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from blog_app.background.outbox.events import EVENTS
from blog_app.background.outbox.tables import INSERT, to_json
from blog_app.background.outbox.wake_up import note_published
from blog_app.data.databases import LogicalDatabase

Function = TypeVar("Function", bound=Callable[[Any], None])


@dataclass(frozen=True)
class Event:
    """A fact that other databases follow."""

    id: UUID
    name: str
    subject: UUID
    """What it is about; events with one subject are delivered in their order."""
    payload: dict[str, Any]
    published_at: datetime


class Away(Exception):
    """A handler raises it when something it needs, other than a database, cannot be reached.

    The delivery is tried again later as after any failure, and the handler's other deliveries wait for a moment too.
    """


@dataclass(frozen=True)
class Handler:
    """A function that reacts to an event by writing to one database, in one transaction that is opened for it."""

    name: str
    database: LogicalDatabase
    function: Callable[[Any], None]
    batch: int
    """How many events it takes at once, as a list; 0: it takes one."""


HANDLERS: dict[str, Handler] = {}
"""All handlers, by name."""
REACTIONS: dict[str, list[str]] = {name: [] for name in EVENTS}
"""The names of the handlers of each event."""


def on(event: str, database: LogicalDatabase, *, batch: int = 0) -> Callable[[Function], Function]:
    """Let the decorated function handle `event`, in a transaction of `database`.

    With `batch` it gets a list of up to so many events, which is far cheaper where there are many; when it fails for
    several, each is tried by itself.

    Its name identifies it in rows that wait: after renaming it, keep the old name until the outbox has no more of them.
    """

    def decorate(function: Function) -> Function:
        handler = Handler(f"{database.name}.{function.__name__}", database, function, batch)
        if HANDLERS.setdefault(handler.name, handler).function is not function:
            raise TypeError(f"two handlers are called {handler.name}")
        REACTIONS[event].append(handler.name)
        return function

    return decorate


def publish(database: LogicalDatabase, event: str, *, subject: UUID | None = None, **payload: Any) -> None:
    """Record an event in the running transaction of `database`: it will be delivered if that commits.

    Without a subject it stands for itself, and comes in no order. It is sent in one message with the next statement.
    """
    declared = EVENTS[event]
    if declared.database not in (None, database.name) or payload.keys() != set(declared.payload):
        raise TypeError(f"{event} is declared as published in {declared.database} with {declared.payload}")
    if not database.in_transaction():
        raise RuntimeError(f"{event} must be published in the transaction of the change")
    event_id = str(uuid7())
    fixed = (event_id, event, str(subject or event_id), to_json(payload))
    for handler in REACTIONS[event]:
        database.send_along(INSERT[database.name], (*fixed, handler))
    if declared.hurry:
        note_published()
