"""The tables of the outbox, once in the schema of every logical database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
import peewee

from blog_app import databases
from blog_app.models import Base, TimestampField, now


def to_json(value: Any) -> str:
    """Return `value` as JSON; UUIDs and times become text by themselves, Decimals here."""
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()


class Delivery(Base):
    """One event on its way to one handler. The row is deleted when the handler has done its work."""

    position = peewee.BigAutoField()
    event_id = peewee.UUIDField()
    name = peewee.CharField(max_length=100)
    subject = peewee.UUIDField()
    payload = peewee.JSONField(dumps=to_json)
    handler = peewee.CharField(max_length=100)
    published_at = TimestampField(default=now)
    due_at = TimestampField(default=now)
    attempts = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])
    error = peewee.TextField(null=True)
    dead_at = TimestampField(null=True)

    class Meta:
        untouched = True  # Nothing that is cached or read from a replica depends on it.


class Processed(Base):
    """That a handler of this database has done its work for an event."""

    event_id = peewee.UUIDField()
    handler = peewee.CharField(max_length=100)
    processed_at = TimestampField(default=now)

    class Meta:
        untouched = True
        primary_key = peewee.CompositeKey("event_id", "handler")


def _delivery_in(name: str) -> type[Delivery]:
    class Meta:
        database = databases.BY_NAME[name]
        schema = name
        table_name = "outbox"

    model: type[Delivery] = type(f"{name.capitalize()}Delivery", (Delivery,), {"Meta": Meta})
    alive = peewee.SQL("dead_at IS NULL")
    model.add_index(model.index(model.due_at, model.position, where=alive, name="outbox_due"))
    model.add_index(model.index(model.subject, model.handler, model.position, where=alive, name="outbox_order"))
    return model


def _processed_in(name: str) -> type[Processed]:
    class Meta:
        database = databases.BY_NAME[name]
        schema = name
        table_name = "processed_events"

    return type(f"{name.capitalize()}Processed", (Processed,), {"Meta": Meta})


DELIVERIES: Mapping[str, type[Delivery]] = {name: _delivery_in(name) for name in databases.BY_NAME}
PROCESSED: Mapping[str, type[Processed]] = {name: _processed_in(name) for name in databases.BY_NAME}


def mark_processed(database: databases.LogicalDatabase, event_id: UUID, handler: str) -> bool:
    """Note, in the handler's transaction, that it handles this event; return False if it has done so before."""
    table = PROCESSED[database.name]
    query = table.insert(event_id=event_id, handler=handler).on_conflict_ignore()
    return bool(query.returning(table.event_id).tuples().execute())
