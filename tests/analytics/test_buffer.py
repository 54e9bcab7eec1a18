"""The page view buffer and queue under failures: nothing is counted twice, and little is lost."""

from __future__ import annotations

import os

import pytest

from blog_app.analytics import buffer, queue
from blog_app.data import databases, watermarks
from blog_app.data.databases import Server
from blog_app.data.watermarks import redis_key
from tests.analytics.conftest import Counting
from tests.blog.test_posts import write_post
from tests.helpers.caller import sign_up

pytestmark = pytest.mark.redis


@pytest.fixture
def post(counting: Counting) -> dict:
    return write_post(sign_up(counting.app, "author"))


def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watermarks, "lease_manager", None)


def read(counting: Counting, post: dict, times: int = 1) -> None:
    for _ in range(times):
        counting.read(post)


def numbers(counting: Counting, post: dict) -> tuple[int, int, int]:
    return counting.waiting(), counting.stored(), counting.counter(post)


def test_without_redis_views_are_stored_directly(counting: Counting, post: dict, monkeypatch) -> None:
    without_redis(monkeypatch)
    read(counting, post, 3)
    counting.flush()
    assert numbers(counting, post) == (0, 3, 0)
    counting.store()
    assert numbers(counting, post) == (0, 3, 3)


def test_a_full_queue_is_bypassed(counting: Counting, post: dict, monkeypatch) -> None:
    monkeypatch.setattr(queue, "MAX_BATCHES", 1)
    for _ in range(2):
        read(counting, post)
        counting.flush()
    assert numbers(counting, post) == (1, 1, 0)
    counting.store()
    assert numbers(counting, post) == (0, 2, 2)


def test_a_batch_whose_push_was_not_confirmed_counts_once(counting: Counting, post: dict, monkeypatch) -> None:
    push = queue.push
    monkeypatch.setattr(queue, "push", lambda batch: push(batch) and False)
    read(counting, post, 3)
    counting.flush()
    assert numbers(counting, post) == (1, 3, 0)
    counting.store()
    assert numbers(counting, post) == (0, 3, 3)


def test_a_batch_that_stays_in_the_queue_after_it_was_stored_counts_once(
    counting: Counting, post: dict, monkeypatch
) -> None:
    read(counting, post, 3)
    counting.flush()
    with monkeypatch.context() as patch:
        patch.setattr(queue, "remove", lambda batches: None)  # The worker is killed after its commit.
        counting.run("store_queued_views")
    assert numbers(counting, post) == (1, 3, 0)
    counting.store()
    assert numbers(counting, post) == (0, 3, 3)


def test_redis_data_loss_loses_only_views_that_were_not_stored(counting: Counting, post: dict) -> None:
    for views in (1, 2, 4):
        read(counting, post, views)
        counting.flush()
        if views == 1:
            counting.store()
        if views == 2:
            watermarks.lease_manager.link.call(None, "DEL", redis_key(queue.KEY))
    counting.store()
    assert numbers(counting, post) == (0, 5, 5)


def test_views_stay_in_the_buffer_while_the_database_is_down_and_overflow_is_logged(
    counting: Counting, post: dict, monkeypatch, caplog
) -> None:
    without_redis(monkeypatch)
    monkeypatch.setattr(buffer, "MAX_BUFFERED", 5)
    here = databases.analytics.obj
    databases.analytics.initialize(Server("analytics", "postgresql://nobody@127.0.0.1:1/nothing", connect_timeout=1))
    try:
        read(counting, post, 7)
        counting.buffer.try_flush()
    finally:
        databases.analytics.initialize(here)
    assert "page views stay in the buffer" in caplog.text
    assert "2 page views are lost" in caplog.text
    counting.buffer.try_flush()
    counting.store()
    assert numbers(counting, post) == (0, 5, 5)


def test_a_forked_process_starts_with_an_empty_buffer(counting: Counting, post: dict) -> None:
    read(counting, post, 2)
    child = os.fork()
    if not child:
        os._exit(len(counting.buffer._buffer))
    assert os.waitpid(child, 0)[1] == 0
    counting.all()
    assert numbers(counting, post) == (0, 2, 2)
