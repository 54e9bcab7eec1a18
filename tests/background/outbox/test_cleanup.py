"""What was handled is remembered as long as it could come again, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from flask import Flask

from blog_app.background.outbox.cleanup import delete_processed_events
from blog_app.background.outbox.tables import DELIVERIES, PROCESSED_EVENTS
from blog_app.data import databases
from blog_app.data.models import now
from tests.helpers.outbox_handlers import ShopEffect, noted, publish


def test_an_event_that_was_handled_is_forgotten_when_nothing_as_old_waits(
    app: Flask, deliver: Callable[[], int]
) -> None:
    publish(uuid4(), 1)
    deliver()
    delete_processed_events(databases.shop)
    assert PROCESSED_EVENTS["shop"].select().count() == 1
    PROCESSED_EVENTS["shop"].update(processed_at=now() - timedelta(days=2)).execute()
    delete_processed_events(databases.shop)
    assert PROCESSED_EVENTS["shop"].select().count() == 0


def test_an_event_that_could_come_again_after_months_is_remembered(app: Flask, deliver: Callable[[], int]) -> None:
    publish(uuid4(), 1)
    waiting = [{**row, "published_at": now() - timedelta(days=90)} for row in DELIVERIES["accounts"].select().dicts()]
    deliver()
    PROCESSED_EVENTS["shop"].update(processed_at=now() - timedelta(days=90)).execute()
    DELIVERIES["accounts"].insert_many(waiting).execute()
    DELIVERIES["accounts"].update(dead_at=now()).execute()
    delete_processed_events(databases.shop)
    DELIVERIES["accounts"].update(dead_at=None).execute()
    deliver()
    assert noted(ShopEffect) == [1]
