"""Each fault of the protocol, on real servers, at the step where it does harm."""

from __future__ import annotations

import time
from typing import Any

import peewee
import pytest

from blog_app.blog.models import Tag
from blog_app.data import databases
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.clock import ENDED
from blog_app.development.local.process import wait_until

from .conftest import NAME, SECONDS, Killed, Process, World, gate_after, gate_before

pytestmark = pytest.mark.redis


def test_a_write_is_seen_by_the_next_read_and_by_no_earlier_hit(world: World) -> None:
    world.warm()
    for value in range(1, 20):
        world.process().write(world.row, value)
        assert world.value() == value
        assert world.read() == (value, "hit")


def test_a_write_to_another_row_keeps_this_one_a_hit(world: World) -> None:
    other = Tag.create(name="1", slug=f"other-{time.monotonic_ns()}")
    world.warm()
    world.process().write(other, 2)
    assert world.read() == (0, "hit")
    Tag.update(name="3").where(Tag.slug == other.slug).execute()  # It names no row, so it may have written any.
    assert world.read() == (0, "miss")


def test_a_write_rolled_back_leaves_no_mark(world: World) -> None:
    world.warm()
    before = world.mark()
    with pytest.raises(ZeroDivisionError), databases.blog.atomic():
        Tag.update(name="7").where(Tag.id == world.row.id).execute()
        raise ZeroDivisionError
    assert world.mark() == before
    assert world.read() == (0, "hit")


def test_nothing_is_cached_during_two_writes_and_the_higher_position_stays(world: World) -> None:
    slow, quick = world.process(), world.process()
    gate = gate_after(slow.announcer, "_mark")
    slow_write = world.run(slow.write, world.row, 1)
    gate.wait()
    other = Tag.create(name="x", slug=f"other-{time.monotonic_ns()}")
    Tag.update(name="y").where(Tag.id == other.id).execute(quick.server)
    with quick.server.atomic():  # Not the locked row, but the same mark.
        quick.server.declare_write(Tag, [world.row.id])
        quick.server.execute_sql("SELECT 1")
    assert world.mark().count("+") == 1, "the quick writer's token is settled, the slow one's is not"
    assert world.read() == (0, "bypass")
    gate.open()
    slow_write.result(SECONDS)
    assert "+" not in world.mark()
    assert world.read() == (1, "miss")
    assert world.read() == (1, "hit")


def test_a_fill_around_a_write_is_not_cached(world: World) -> None:
    world.run(world.value).result(SECONDS)
    writer = world.process()
    writer.write(world.row, 1)

    def produce() -> Any:
        answer = world.produce()
        writer_2 = world.process()
        world.run(writer_2.write, world.row, 2).result(SECONDS)
        return answer

    assert world.read(produce) == (1, "miss")
    assert world.read() == (2, "miss")


def test_a_writer_killed_before_its_commit_only_delays_hits(world: World) -> None:
    world.warm()
    writer = world.process()
    gate = gate_before(writer.announcer, "_commit")
    write = world.run(lambda: (writer.write(world.row, 1), None)[1])
    gate.wait()
    assert world.read() == (0, "bypass")
    gate.kill(writer.server.discard)
    with pytest.raises(Killed):
        write.result(SECONDS)
    assert world.read()[0] == 0
    world.warm()
    assert world.read() == (0, "hit")


def test_a_writer_killed_after_its_commit_is_never_unseen(world: World) -> None:
    world.warm()
    writer = world.process()
    gate = gate_before(writer.announcer, "_settle")
    write = world.run(writer.write, world.row, 1)
    gate.wait()
    assert world.read() == (1, "bypass")
    gate.kill()
    with pytest.raises(Killed):
        write.result(SECONDS)
    assert world.read()[0] == 1
    world.warm()
    assert world.read() == (1, "hit")


def test_a_reader_killed_while_it_establishes_a_mark_only_delays_hits(world: World) -> None:
    found = world.look_up()
    assert found
    gate = gate_before(world.lease_manager, "settle")
    reading = world.run(found.establish)
    gate.wait()
    assert "+r" in world.mark()
    assert world.read() == (0, "bypass")
    gate.kill()
    with pytest.raises(Killed):
        reading.result(SECONDS)
    del world.lease_manager.settle  # type: ignore[method-assign]
    world.warm()


def test_a_hanging_redis_closes_the_epoch_with_the_commit_and_the_response_waits_for_the_leases(world: World) -> None:
    world.warm()
    assert world.stack.redis
    writer = world.process()
    gate = gate_before(writer.announcer, "_mark")
    write = world.run(writer.write, world.row, 1)
    gate.wait()
    lease = world.lease_manager.ask(NAME)
    assert lease.is_open
    asked = world.lease_manager.known[NAME].asked
    world.stack.redis.freeze()
    gate.open()
    write.result(SECONDS)
    world.stack.redis.thaw()
    row = world.lease_manager.lease(NAME)
    assert row is None or row.epoch != lease.epoch, "an answered write, and the old epoch is still trusted"
    assert time.clock_gettime(time.CLOCK_BOOTTIME) - asked > 1.0
    assert world.value() == 1
    world.await_open()
    world.warm()
    assert world.read() == (1, "hit")


def test_an_unmarked_write_killed_after_its_commit_is_seen_by_a_retry_only_when_the_leases_have_ended(
    world: World,
) -> None:
    world.warm()
    assert world.stack.redis
    writer, retry = world.process(), world.process()
    gate = gate_after(writer.announcer, "_commit")
    world.stack.redis.freeze()
    write = world.run(writer.write, world.row, 1)
    gate.wait()
    closed = time.monotonic()
    gate.kill()
    with pytest.raises(Killed):
        write.result(SECONDS)
    with retry.server.atomic():  # It finds its work done and writes nothing.
        assert retry.server.execute_sql("SELECT name FROM blog.tags WHERE id = %s", (world.row.id,)).fetchone() == (
            "1",
        )
    assert time.monotonic() - closed >= 1.0
    world.stack.redis.thaw()
    assert world.value() == 1


@pytest.mark.parametrize("fault", ["stopped", "full", "refusing"])
def test_writes_and_reads_continue_without_redis_and_no_old_entry_comes_back(world: World, fault: str) -> None:
    world.warm()
    assert world.stack.redis
    if fault == "stopped":
        world.stack.redis.kill()
    elif fault == "full":
        world.redis.config_set("maxmemory-policy", "noeviction")
        world.redis.config_set("maxmemory", 1)
    else:
        client = world.redis
        client.client_kill_filter(_type="normal", skipme=True)
        client.config_set("requirepass", "secret")
    writer = world.process()
    for value in range(1, 6):
        writer.write(world.row, value)
        assert world.value() == value
    started = time.monotonic()
    for value in range(6, 16):
        writer.write(world.row, value)
        assert world.value() == value
    assert time.monotonic() - started < 10 * ENDED, "after the first wait nobody waits again"
    if fault == "stopped":
        world.stack.redis.start()
    elif fault == "full":
        world.redis.config_set("maxmemory", 0)
    else:
        client.config_set("requirepass", "")
    world.await_open()
    world.warm()
    assert world.read() == (15, "hit")


@pytest.mark.parametrize("memory", ["old", "empty"])
def test_a_redis_that_restarted_is_another_redis(world: World, memory: str) -> None:
    world.warm()
    assert world.stack.redis
    epoch = world.lease_manager.ask(NAME).epoch
    if memory == "old":
        world.redis.save()
    writer = world.process()
    writer.write(world.row, 1)
    writer.write(world.row, 0)
    writer.write(world.row, 2)
    world.stack.redis.kill()
    world.stack.redis.start()
    kept = world.redis.keys(f"*{epoch}:entry:*")
    assert bool(kept) == (memory == "old"), "the old entry is there, and must not be believed"
    assert world.value() == 2
    writer.write(world.row, 3)
    assert world.value() == 3
    assert wait_until(
        lambda: world.lease_manager.ask(NAME).is_open and world.lease_manager.ask(NAME).epoch != epoch, SECONDS
    )
    world.warm()
    assert world.read() == (3, "hit")
    (world.stack.redis.folder / "dump.rdb").unlink(missing_ok=True)


@pytest.mark.parametrize("lost", ["mark", "entry", "everything"])
def test_marks_that_redis_loses_are_established_again(world: World, lost: str) -> None:
    world.warm()
    if lost == "everything":
        world.redis.flushall()
    else:
        world.redis.delete(*world.redis.keys(f"*:{lost}:*"))
    writer = world.process()
    assert world.read()[1] == "miss"
    writer.write(world.row, 1)
    assert world.read() == (1, "miss")
    assert world.read() == (1, "hit")


def test_a_redis_that_may_evict_tokens_is_not_used_which_is_logged_once_and_readyz_says(world: World, caplog) -> None:
    world.redis.config_set("maxmemory", 10**9)
    world.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        for database in databases.ALL:
            world.lease_manager.lease(database.name)
            epochs.close(database.obj)
        assert wait_until(lambda: world.lease_manager.lease(NAME) is None, SECONDS)
        assert not wait_until(lambda: world.lease_manager.lease(NAME) is not None, 2 * ENDED)
        (said,) = [record.getMessage() for record in caplog.records if "maxmemory" in record.getMessage()]
        assert said.startswith("Redis is not used, nothing is cached: maxmemory-policy allkeys-lru")
        ready = world.app.test_client().get("/readyz")
        assert (ready.status_code, ready.json["status"]) == (200, "degraded")
        assert ready.json["checks"]["redis"]["status"] == "not used"
        assert "set volatile-lru" in ready.json["checks"]["redis"]["reason"]
    finally:
        world.redis.config_set("maxmemory-policy", "noeviction")
    world.await_open()


def test_another_primary_closes_the_epoch_with_the_first_write(world: World) -> None:
    world.warm()
    table = epochs.table(NAME)
    world.stack.postgres.execute(f"UPDATE {table} SET server = '1/00000001'", database="blog_app")
    writer = world.process()
    writer.write(world.row, 1)
    assert world.value() == 1
    world.await_open()
    world.warm()


def test_an_epoch_opens_only_when_every_older_transaction_is_over(world: World) -> None:
    old = world.process()
    gate = gate_before(old.announcer, "_mark")
    write = world.run(old.write, world.row, 1)
    gate.wait()
    epochs.close(databases.blog.obj)
    assert wait_until(lambda: world.lease_manager.ask(NAME).status == "opening", SECONDS)
    assert not wait_until(lambda: world.lease_manager.ask(NAME).status == "open", 1)
    assert world.read() == (0, "bypass")
    gate.open()
    write.result(SECONDS)
    world.await_open()
    assert world.value() == 1


def test_a_commit_that_rolled_back_is_an_error_and_no_write(world: World) -> None:
    world.warm()
    writer = world.process()
    writer.server.begin()
    writer.server.push_transaction(object())
    writer.server._transaction.written.add(f"tags/{world.row.id}")
    with pytest.raises(Exception, match="syntax error"):
        writer.server.execute_sql("SELECT FROM WHERE")
    with pytest.raises(peewee.InternalError, match="rolled it back"):
        writer.server.commit()
    writer.server.pop_transaction()
    assert world.value() == 0


def test_a_connection_lost_in_commit_leaves_the_token_to_be_settled_by_its_outcome(world: World) -> None:
    world.warm()
    writer = world.process()
    gate = gate_before(writer.announcer, "_commit")
    write = world.run(writer.write, world.row, 1)
    gate.wait()
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    world.stack.postgres.execute(end)
    gate.open()
    with pytest.raises(databases.DatabaseUnreachable, match="outcome is unknown"):
        write.result(SECONDS)
    assert "+" in world.mark()
    world.warm()
    assert world.read() == (0, "hit")


def test_a_repeatable_read_transaction_counts_as_unmarked(world: World) -> None:
    world.warm()
    epoch = world.lease_manager.ask(NAME).epoch
    writer = world.process()
    with writer.server.atomic("REPEATABLE READ"):
        Tag.update(name="1").where(Tag.id == world.row.id).execute(writer.server)
    assert world.lease_manager.ask(NAME)[:2] == (epoch, "closed")
    assert world.value() == 1


def test_a_hundred_rows_are_marked_one_by_one_and_more_as_the_table(world: World) -> None:
    writer: Process = world.process()
    rows = [Tag.create(name=f"n{n}", slug=f"many-{n}-{time.monotonic_ns()}") for n in range(101)]
    world.warm()
    Tag.update(name=Tag.name).where(Tag.id.in_([row.id for row in rows[:100]])).execute(writer.server)
    assert world.read() == (0, "hit")
    Tag.update(name=Tag.name).where(Tag.id.in_([row.id for row in rows])).execute(writer.server)
    assert world.read() == (0, "miss")
