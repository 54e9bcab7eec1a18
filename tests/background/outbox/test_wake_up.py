"""Waking idle workers through Redis, and polling without it."""

from __future__ import annotations

import threading
import time
from uuid import uuid4

import pytest
from flask import Flask

from blog_app.background.outbox import wake_up
from blog_app.development.local.stack import Stack
from tests.helpers.outbox_handlers import publish
from tests.helpers.threads import BackgroundCall


def test_publishing_wakes_an_idle_worker(app: Flask, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    if stack.redis is None:
        pytest.skip("there is no Redis on this machine")
    monkeypatch.setattr(wake_up, "POLL_SECONDS", 30)
    wait, stop = wake_up.waiter(app), threading.Event()
    idle = BackgroundCall(wait, stop)
    with app.app_context():
        publish(uuid4(), 1)
    idle.result(wake_up.POLL_SECONDS - 5)


def test_without_redis_a_worker_polls_and_can_be_stopped(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    without = Flask("without_redis")
    without.config["SETTINGS"] = type("Settings", (), {"redis_url": "redis://127.0.0.1:1"})()
    wait, stop = wake_up.waiter(without), threading.Event()
    begun = time.monotonic()
    wait(stop)
    assert time.monotonic() - begun > 0.9 * wake_up.POLL_SECONDS
    monkeypatch.setattr(wake_up, "POLL_SECONDS", 30)
    stop.set()
    wait(stop)
