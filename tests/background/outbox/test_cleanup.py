"""Deletion of old rows of `processed_events`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from flask import Flask

from blog_app.background.outbox.delivery import delete_processed_events
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers.outbox_handlers import ShopEffect, publish, recorded


def test_a_processed_event_is_deleted_once_every_pending_delivery_is_newer(
    app: Flask, deliver: Callable[[], int]
) -> None:
    publish(uuid4(), 1)
    deliver()
    delete_processed_events(databases.shop)
    assert PROCESSED_EVENTS["shop"].select().count() == 1
    PROCESSED_EVENTS["shop"].update(processed_at=now() - timedelta(days=2)).execute()
    delete_processed_events(databases.shop)
    assert PROCESSED_EVENTS["shop"].select().count() == 0


def test_a_processed_event_is_kept_while_an_older_delivery_is_pending(app: Flask, deliver: Callable[[], int]) -> None:
    publish(uuid4(), 1)
    waiting = [{**row, "published_at": now() - timedelta(days=90)} for row in DELIVERIES["accounts"].select().dicts()]
    deliver()
    PROCESSED_EVENTS["shop"].update(processed_at=now() - timedelta(days=90)).execute()
    DELIVERIES["accounts"].insert_many(waiting).execute()
    DELIVERIES["accounts"].update(dead_at=now()).execute()
    delete_processed_events(databases.shop)
    DELIVERIES["accounts"].update(dead_at=None).execute()
    deliver()
    assert recorded(ShopEffect) == [1]
