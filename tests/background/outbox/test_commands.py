"""`flask outbox`: status, list, retry, purge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask

from blog_app.background.outbox import delivery
from blog_app.background.outbox.tables import DELIVERIES
from blog_app.config import DATABASE_NAMES
from blog_app.data.models import now
from tests.helpers.outbox_handlers import ShopEffect, publish, recorded

OUTBOX = DELIVERIES["accounts"]


@pytest.fixture
def dead_event(deliver: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> str:
    """The id of an event with a dead delivery."""
    monkeypatch.setattr(delivery, "MAX_ATTEMPTS", 1)
    publish(uuid4(), -1)
    deliver()
    return str(OUTBOX.get().event_id)


def run(app: Flask, *arguments: str, status: int = 0) -> str:
    result = app.test_cli_runner().invoke(args=["outbox", *arguments])
    assert result.exit_code == status, result.output
    return result.output


def test_status_counts_deliveries_and_exits_with_1_if_one_is_dead(app: Flask, dead_event: str) -> None:
    publish(uuid4(), 1)
    lines = run(app, "status", status=1).splitlines()
    assert lines[0].split(maxsplit=1)[0] == "accounts"
    assert "2 pending (0 being retried)" in lines[0]
    assert lines[0].endswith("1 dead")
    assert len(lines) == len(DATABASE_NAMES)
    run(app, "status", "--database", "blog")


def test_list_shows_why_a_delivery_is_dead(app: Flask, dead_event: str) -> None:
    publish(uuid4(), 1)
    assert len(run(app, "list").splitlines()) == 6
    listed = run(app, "list", "--dead")
    assert len(listed.splitlines()) == 2
    assert f"{dead_event} test.happened -> shop.record_in_shop" in listed
    assert "dead, 1 attempts: ValueError: a negative number" in listed


def test_retry_schedules_dead_deliveries(app: Flask, dead_event: str, deliver: Callable[[], int]) -> None:
    run(app, "retry", str(uuid4()), status=1)
    run(app, "retry", status=2)
    OUTBOX.update(payload={"number": 7}).execute()
    assert "1 scheduled for retry" in run(app, "retry", dead_event)
    deliver()
    assert recorded(ShopEffect) == [7]
    assert "0 scheduled for retry" in run(app, "retry", "--all")


def test_purge_deletes_old_dead_deliveries_only(app: Flask, dead_event: str) -> None:
    publish(uuid4(), 1)
    assert "0 deleted" in run(app, "purge")
    OUTBOX.update(dead_at=now() - timedelta(days=31)).where(OUTBOX.dead_at.is_null(False)).execute()
    assert "1 deleted" in run(app, "purge")
    assert OUTBOX.select().count() == 2
