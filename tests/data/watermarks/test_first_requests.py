"""A response is stored when it is asked for a second time, and not if it is large."""

from __future__ import annotations

import pytest

from blog_app.data import cache
from blog_app.data.watermarks.lookup import Lookup
from blog_app.development.local.process import wait_until

from .conftest import SECONDS, World

pytestmark = pytest.mark.redis


def test_what_is_asked_for_once_is_not_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.await_open()
    monkeypatch.setattr(cache, "_stores_at_once", False)
    before = world.redis.dbsize()

    assert world.read() == (0, "miss")
    assert world.redis.dbsize() == before + 1, "the bits of what was asked for"
    assert wait_until(lambda: world.read() == (0, "hit"), SECONDS)
    world.process().write(world.row, 1)
    assert [world.read(), world.read()] == [(1, "miss"), (1, "hit")], "what was stored is stored again"


def test_a_first_request_sees_every_acknowledged_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.await_open()
    monkeypatch.setattr(cache, "_stores_at_once", False)
    monkeypatch.setattr(Lookup, "is_first_request", lambda _: True)
    writer = world.process()

    for value in range(1, 10):
        writer.write(world.row, value)
        assert world.read() == (value, "miss")


def test_a_large_response_is_not_stored(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.await_open()
    monkeypatch.setattr(cache, "MAX_ENTRY_BYTES", 10)

    assert {world.read()[1] for _ in range(5)} == {"miss"}
