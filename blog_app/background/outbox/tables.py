"""The tables of the outbox, once in the schema of every logical database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import peewee

from blog_app.data import databases
from blog_app.data.databases.collections import Noted
from blog_app.data.models import Base, TimestampField, any_of, now


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

INSERT: Mapping[str, Noted] = {
    name: Noted(
        f'INSERT INTO "{name}".outbox (event_id, name, subject, payload, handler, published_at, due_at) '
        "VALUES (%s, %s, %s, %s, %s, now(), now())"
    )
    for name in databases.BY_NAME
}
"""What `publish` sends: written out, because it is part of most write requests."""


def mark_processed(database: databases.LogicalDatabase, events: list[UUID], handler: str) -> set[UUID]:
    """Note, in the handler's transaction, that it handles these events; return those that it has not handled before."""
    table = PROCESSED[database.name]
    sql = (
        f'INSERT INTO "{database.name}"."{table._meta.table_name}" (event_id, handler, processed_at) '
        "SELECT event_id, %s, now() FROM unnest(%s::uuid[]) event_id ON CONFLICT DO NOTHING RETURNING event_id"
    )
    return {UUID(row[0]) for row in database.execute_sql(Noted(sql), (handler, [str(each) for each in events]))}


def tick_off(deliveries: Sequence[Delivery]) -> None:
    """Delete deliveries of one outbox that are done."""
    table = type(deliveries[0])
    table.delete().where(any_of(table.position, [each.position for each in deliveries], "bigint")).execute()
