"""Flask-Caching for application code: its contract, and that no value outlives what it was made from."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.blog.models import Category, Tag
from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import databases, value_cache, watermarks
from blog_app.data.cache import reads_of
from blog_app.data.value_cache import cache
from blog_app.development.local.process import wait_until

pytestmark = pytest.mark.redis

SECONDS = 20
calls: list[int] = []


@pytest.fixture(autouse=True)
def open_epochs(app: Flask) -> None:
    calls.clear()
    lease_manager = watermarks.lease_manager
    assert lease_manager, "these tests need Redis"
    assert wait_until(lambda: all(map(lease_manager.lease, DATABASE_NAMES)), SECONDS)


@cache.memoize(timeout=60, reads=(Tag,))
def tag_names(limit: int) -> list[str]:
    """Return the first names of tags."""
    calls.append(limit)
    return [tag.name for tag in Tag.select().order_by(Tag.name).limit(limit)]


@cache.memoize()
def number_of_tags() -> int:
    calls.append(0)
    return int(Tag.select().count())


@pytest.fixture
def key() -> str:
    return uuid.uuid4().hex


def settled(limit: int) -> list[str]:
    """Return what the function returns, once that is cached."""

    def is_cached() -> bool:
        before = len(calls)
        tag_names(limit)
        return len(calls) == before

    assert wait_until(is_cached, SECONDS)
    return tag_names(limit)


def test_the_contract_of_flask_caching_holds(key: str) -> None:
    assert (cache.get(key), cache.has(key)) == (None, False)
    assert cache.set(key, {"a": [1, None, "é"]})
    assert (cache.get(key), cache.has(key)) == ({"a": [1, None, "é"]}, True)
    assert not cache.add(key, 2)
    assert cache.add(f"{key}2", 2)
    assert cache.get_many(key, f"{key}2", "nothing") == [{"a": [1, None, "é"]}, 2, None]
    assert cache.get_dict(f"{key}2") == {f"{key}2": 2}
    assert cache.delete(key)
    assert not cache.delete(key)
    assert set(cache.set_many({key: 3, f"{key}3": 4})) == {key, f"{key}3"}
    assert set(cache.delete_many(key, f"{key}3")) == {key, f"{key}3"}
    assert cache.get(key) is None


def test_a_memoized_function_runs_once_for_each_argument_until_what_it_reads_is_written() -> None:
    Tag.create(name="Tea", slug="tea")
    assert settled(1) == ["Tea"]
    assert settled(2) == ["Tea"]
    Category.create(name="Other", slug="other")  # It does not read that.
    before = list(calls)
    assert (tag_names(1), tag_names(2)) == (["Tea"], ["Tea"])
    assert calls == before
    Tag.create(name="Coffee", slug="coffee")
    assert (tag_names(1), tag_names(2)) == (["Coffee"], ["Coffee", "Tea"])


def test_without_reads_every_write_ends_a_value() -> None:
    Category.create(name="One", slug="one")
    assert number_of_tags() == 0
    Tag.create(name="Tea", slug="tea")
    assert number_of_tags() == 1


def test_a_value_is_not_stored_if_something_was_written_since_the_get_that_missed(key: str) -> None:
    assert cache.get(key) is None
    Tag.create(name="Tea", slug="tea")
    assert not cache.set(key, "made before the tag")
    assert cache.get(key) is None


def test_in_a_transaction_nothing_is_found_or_stored(key: str) -> None:
    assert cache.set(key, 1)
    with databases.blog.atomic():
        assert cache.get(key) is None
        assert not cache.set(key, 2)
    assert cache.get(key) == 1


def test_clear_ends_every_value(key: str) -> None:
    assert cache.set(key, 1)
    assert settled(3) == []
    cache.clear()
    assert wait_until(lambda: cache.get(key) is None, SECONDS)


def test_delete_memoized_ends_a_value() -> None:
    settled(4)
    before = len(calls)
    for delete in (lambda: cache.delete_memoized(tag_names), tag_names.delete_memoized):
        delete()
        tag_names(4)
        assert len(calls) > before
        settled(4)
        before = len(calls)


@pytest.mark.parametrize("value", [{1, 2}, (1, 2), object(), uuid.uuid4(), {1: 2}, 1j, b"bytes"])
def test_what_is_not_json_is_refused(key: str, value: object) -> None:
    with pytest.raises(TypeError):
        cache.set(key, value)


def test_what_is_too_large_is_not_stored(key: str) -> None:
    assert not cache.set(key, "x" * 2_000_000)
    assert cache.get(key) is None


def test_a_memoized_function_declares_what_it_reads_and_keeps_its_name() -> None:
    declared = reads_of(tag_names)
    assert declared
    assert declared.models == (Tag,)
    assert (tag_names.__name__, tag_names.__doc__) == ("tag_names", "Return the first names of tags.")


def test_without_redis_functions_run_each_time(settings: Settings, app: Flask, key: str) -> None:
    plain = create_app(replace(settings, redis_url=None))
    try:
        with plain.app_context():
            assert not cache.set(key, 1)
            assert (cache.get(key), tag_names(9), tag_names(9)) == (None, [], [])
        assert calls == [9, 9]
    finally:
        watermarks.bind(settings)
        value_cache.init_app(app)
