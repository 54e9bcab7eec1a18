"""Publishing outbox events."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from blog_app.background.outbox.events import EVENTS
from blog_app.background.outbox.handlers import HANDLERS_BY_EVENT
from blog_app.background.outbox.tables import INSERT_DELIVERY, to_json
from blog_app.background.outbox.wake_up import request_wake_up
from blog_app.data.databases import LogicalDatabase


def publish_event(database: LogicalDatabase, event: str, *, subject: UUID | None = None, **payload: Any) -> None:
    """Record an event in the running transaction of `database`; it is delivered if that commits.

    Without a subject the event is its own subject and has no order. The insert is pipelined with the next statement.
    """
    declared = EVENTS[event]
    if declared.database not in (None, database.name) or payload.keys() != set(declared.payload):
        raise TypeError(f"{event} is declared as published in {declared.database} with {declared.payload}")
    if not database.in_transaction():
        raise RuntimeError(f"{event} must be published in the transaction of the change")
    event_id = str(uuid7())
    row = (event_id, event, str(subject or event_id), to_json(payload))
    for handler in HANDLERS_BY_EVENT[event]:
        database.pipeline(INSERT_DELIVERY[database.name], (*row, handler))
    if declared.wakes_worker:
        request_wake_up()
