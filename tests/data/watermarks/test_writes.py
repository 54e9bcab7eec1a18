"""The write path: every write through a logical database is announced, and nothing else."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from typing import Any

import peewee
import pytest

from blog_app.blog.models import Tag
from blog_app.blog.models.counters import PostCounters
from blog_app.data import databases, watermarks
from blog_app.data.databases import UndeclaredWrite
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.redis_link import RedisLink, RedisUnreachable
from blog_app.development.local.process import wait_until
from tests.helpers.statements import captured_statements

from .conftest import NAME, SECONDS, World

pytestmark = pytest.mark.redis


def changed(world: World) -> bool:
    """Return whether the row's mark has changed since the last call."""
    before, world.last_mark = getattr(world, "last_mark", ""), world.mark()  # type: ignore[attr-defined]
    return before != world.last_mark  # type: ignore[attr-defined]


@pytest.fixture
def warm(world: World) -> World:
    world.warm()
    changed(world)
    return world


def redis_calls(world: World) -> list[str]:
    """Return a list to which the name of each Redis command of this thread is added; others flush counters."""
    calls: list[str] = []
    here, original = threading.get_ident(), world.lease_manager.link.calls

    def recording(run_id: str | None, *commands: tuple[Any, ...]) -> list[Any]:
        if threading.get_ident() == here:
            calls.extend(command[0] for command in commands)
        return original(run_id, *commands)

    world.lease_manager.link.calls = recording  # type: ignore[method-assign]
    return calls


def test_every_way_of_writing_is_announced(warm: World) -> None:
    row = warm.row
    row.name = "1"
    row.save()
    assert changed(warm), "save"
    with databases.blog.atomic(), databases.blog.atomic():
        Tag.update(name="2").where(Tag.id == row.id).execute()
    assert changed(warm), "a savepoint"
    Tag.bulk_update([row], fields=[Tag.name])
    assert changed(warm), "bulk_update"
    again = {"id": row.id, "name": "3", "slug": row.slug, "created_at": row.created_at, "updated_at": row.updated_at}
    Tag.insert(again).on_conflict(conflict_target=[Tag.id], preserve=[Tag.name]).execute()
    assert warm.read() == (3, "miss"), "ON CONFLICT DO UPDATE names no row"
    changed(warm)
    databases.blog.session_start()
    Tag.update(name="4").where(Tag.id == row.id).execute()
    databases.blog.session_commit()
    assert changed(warm), "a session"
    with databases.blog.manual_commit():
        databases.blog.begin()
        Tag.update(name="5").where(Tag.id == row.id).execute()
        databases.blog.commit()
    assert changed(warm), "by hand"
    with databases.blog.atomic() as transaction:
        Tag.update(name="6").where(Tag.id == row.id).execute()
        transaction.commit()
        assert changed(warm), "an explicit commit"
        Tag.update(name="7").where(Tag.id == row.id).execute()
    assert changed(warm), "and what came after it"
    warm.process().write(row, 8)
    assert changed(warm), "another server of the same database"
    assert warm.value() == 8


def test_a_savepoint_rollback_leaves_a_mark_and_a_transaction_rollback_none(warm: World) -> None:
    with databases.blog.atomic():
        with pytest.raises(ZeroDivisionError), databases.blog.atomic():
            Tag.update(name="1").where(Tag.id == warm.row.id).execute()
            raise ZeroDivisionError
        Tag.create(name="other", slug=f"other-{time.monotonic_ns()}")
    assert changed(warm)
    with pytest.raises(ZeroDivisionError), databases.blog.atomic():
        Tag.update(name="1").where(Tag.id == warm.row.id).execute()
        raise ZeroDivisionError
    assert not changed(warm)
    assert warm.value() == 0


def test_a_transaction_without_watermarked_writes_sends_redis_nothing(warm: World) -> None:
    assert warm.stack.redis
    calls = redis_calls(warm)
    with databases.blog.atomic():
        assert Tag.select().where(Tag.id == warm.row.id).count() == 1
    PostCounters.update(views=PostCounters.views + 1).execute()
    assert calls == []


def test_a_write_costs_no_statement_and_two_redis_calls(warm: World) -> None:
    calls = redis_calls(warm)
    with captured_statements() as statements:
        Tag.update(name="1").where(Tag.id == warm.row.id).execute()
    assert len(statements) == 1
    assert calls == ["EVALSHA", "EVALSHA"]


def test_raw_sql_must_declare_its_writes(warm: World) -> None:
    change = "UPDATE blog.tags SET name = '1'"
    with pytest.raises(UndeclaredWrite, match="no declare_write"):
        databases.blog.execute_sql(change)
    with pytest.raises(UndeclaredWrite, match="transaction"):
        databases.blog.declare_write(Tag)
    with databases.blog.atomic():
        databases.blog.declare_write(Tag)
        databases.blog.execute_sql(change)
    with pytest.raises(UndeclaredWrite), databases.blog.atomic():
        databases.blog.execute_sql(change)  # The earlier declaration ended with its transaction.
    assert warm.value() == 1


def test_the_first_statement_of_a_process_may_be_a_write(world: World) -> None:
    """It reads the epoch from the database, and has no Redis connection yet."""
    world.warm()
    world.process().write(world.row, 1)
    assert world.lease_manager.ask(NAME).status == epochs.OPEN
    assert world.read() == (1, "miss")


def test_a_forked_child_uses_its_own_redis_connections(world: World) -> None:
    world.warm()
    child = os.fork()
    if child == 0:
        server = databases.server(world.settings, NAME, world.settings.databases[NAME].url)
        server.announcer = databases.blog.obj.announcer
        try:
            assert watermarks.lease_manager
            assert not watermarks.lease_manager._thread.is_running()
            Tag.update(name="1").where(Tag.id == world.row.id).execute(server)
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert world.read() == (1, "miss")
    assert world.read() == (1, "hit")


def test_migrations_close_the_epoch_with_their_change(world: World) -> None:
    from blog_app.operations.migrate.connection import connected
    from blog_app.operations.migrate.runner import Runner

    world.warm()
    epoch = world.lease_manager.ask(NAME).epoch
    with connected(world.settings, NAME, lambda _: None) as connection:
        runner = Runner(connection)
        runner.down()
        assert epochs.read(connection)[:2] == (epoch, epochs.CLOSED)
        started = time.monotonic()
        runner.up()
        assert time.monotonic() - started > 1.0, "they wait until nobody trusts the epoch"
    world.await_open()
    assert world.value() == 0


def test_a_start_without_redis_closes_open_epochs(world: World) -> None:
    world.warm()
    assert world.settings.redis_url
    watermarks.close_epochs_without_redis(world.settings)
    assert world.lease_manager.ask(NAME).is_open, "with Redis there is nothing to close"
    watermarks.close_epochs_without_redis(replace(world.settings, redis_url=None))
    assert world.lease_manager.ask(NAME).status == epochs.CLOSED


def test_a_deleted_epoch_row_is_named_in_the_error(world: World) -> None:
    world.stack.postgres.execute(f"DELETE FROM {epochs.table(NAME)}", database="blog_app")
    try:
        assert wait_until(lambda: world.lease_manager.lease(NAME) is None, SECONDS)
        assert world.read() == (0, "bypass")
        with pytest.raises(peewee.ProgrammingError, match="has no row"):
            Tag.create(name="1", slug=f"x-{time.monotonic_ns()}")
    finally:
        world.stack.postgres.execute(f"INSERT INTO {epochs.table(NAME)} DEFAULT VALUES", database="blog_app")
    Tag.create(name="1", slug=f"x-{time.monotonic_ns()}")


def test_a_hanging_redis_is_given_up_after_the_timeout(world: World) -> None:
    """The kernel enforces it, not Python: the driver must report an error, and the circuit breaker must open."""
    assert world.stack.redis
    link = RedisLink(world.settings.redis_url or "", 0.2, "test")
    assert link.call(None, "PING") == b"PONG"
    world.stack.redis.freeze()
    try:
        started = time.monotonic()
        with pytest.raises(RedisUnreachable):
            link.call(None, "PING")
        assert time.monotonic() - started >= 0.2
        with pytest.raises(RedisUnreachable, match="a moment ago"):
            link.call(None, "PING")
    finally:
        world.stack.redis.thaw()
    assert wait_until(lambda: link.read_run_id() != "", SECONDS)
    assert wait_until(lambda: not link._breaker.is_open(), SECONDS)
    world.redis.config_set("maxmemory", 1)
    with pytest.raises(RedisUnreachable, match="maxmemory"):
        link.call(None, "SET", "key", "1")
    with pytest.raises(RedisUnreachable, match="a moment ago"):
        link.call(None, "PING")  # An error counts too, until Redis can be written to again.
    world.redis.config_set("maxmemory", 0)
    assert wait_until(lambda: not link._breaker.is_open(), SECONDS)
    assert link.call(None, "PING") == b"PONG"
    link.stop()


@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_the_circuit_breaker_delays_each_thread_once(world: World, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world.warm()
    failed, original, here = [], RedisLink._open_circuit, threading.get_ident()

    def counted_open_circuit(link: RedisLink, error: Exception) -> None:
        if threading.get_ident() == here:  # The threads of the leases try all the time, and delay no request.
            failed.append(link)
        original(link, error)

    monkeypatch.setattr(RedisLink, "_open_circuit", counted_open_circuit)
    assert world.stack.redis
    world.stack.redis.kill() if fault == "stopped" else world.stack.redis.freeze()
    writer = world.process()
    writer.write(world.row, 1)
    assert world.value() == 1
    for value in range(2, 102):
        writer.write(world.row, value)
        assert world.value() == value
    assert len(failed) < 20, "of two hundred that could have waited for it"
    world.stack.redis.start() if fault == "stopped" else world.stack.redis.thaw()
    world.await_open()
