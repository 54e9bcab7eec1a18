"""The tables `outbox` and `processed_events`, in the schema of every logical database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
import peewee

from blog_app.data import databases
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.data.models import Base, TimestampField, any_of, model_for_each_database, now


def to_json(value: Any) -> str:
    """Return `value` as JSON; UUIDs, times and Decimals become text."""
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode()


class Delivery(Base):
    """A pending or dead delivery of one event to one handler. The row is deleted when the handler has succeeded."""

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
        watermarked = False  # Nothing that is cached or read from a replica depends on it.


class ProcessedEvent(Base):
    """The record that a handler of this database has processed an event."""

    event_id = peewee.UUIDField()
    handler = peewee.CharField(max_length=100)
    processed_at = TimestampField(default=now)

    class Meta:
        watermarked = False
        primary_key = peewee.CompositeKey("event_id", "handler")


DELIVERIES = model_for_each_database(Delivery, "outbox")
for _model in DELIVERIES.values():
    _alive = peewee.SQL("dead_at IS NULL")
    _model.add_index(_model.index(_model.due_at, _model.position, where=_alive, name="outbox_due"))
    _model.add_index(_model.index(_model.subject, _model.handler, _model.position, where=_alive, name="outbox_order"))
PROCESSED_EVENTS = model_for_each_database(ProcessedEvent, "processed_events")

INSERT_DELIVERY: Mapping[str, DeclaredSQL] = {
    name: DeclaredSQL(
        f'INSERT INTO "{name}".outbox (event_id, name, subject, payload, handler, published_at, due_at) '
        "VALUES (%s, %s, %s, %s, %s, now(), now())"
    )
    for name in databases.BY_NAME
}
"""The statement of `publish_event`, as plain SQL because most write requests send it."""


def mark_processed(database: databases.LogicalDatabase, events: list[UUID], handler: str) -> set[UUID]:
    """Record, in the handler's transaction, that it processes these events; return those that are new to it."""
    table = PROCESSED_EVENTS[database.name]
    sql = (
        f'INSERT INTO "{database.name}"."{table._meta.table_name}" (event_id, handler, processed_at) '
        "SELECT event_id, %s, now() FROM unnest(%s::uuid[]) event_id ON CONFLICT DO NOTHING RETURNING event_id"
    )
    return {UUID(row[0]) for row in database.execute_sql(DeclaredSQL(sql), (handler, [str(each) for each in events]))}


def delete_delivered(deliveries: Sequence[Delivery]) -> None:
    """Delete deliveries of one outbox whose handler has succeeded."""
    table = type(deliveries[0])
    with databases.BY_NAME[table._meta.schema].atomic():  # BEGIN replaces a connection that broke since the last use.
        table.delete().where(any_of(table.position, [each.position for each in deliveries], "bigint")).execute()
