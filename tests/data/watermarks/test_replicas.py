"""Replica reads: only from replicas that have replayed the marks, and never slower than one connect timeout."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import peewee
import pytest

from blog_app.blog.models import Tag
from blog_app.data import cache, databases, watermarks
from blog_app.data.databases import routing
from blog_app.development.local.postgres import Postgres
from blog_app.development.local.process import wait_until

from .conftest import NAME, SECONDS, World

pytestmark = pytest.mark.redis


@pytest.fixture
def replicated(world: World) -> Iterator[World]:
    """Both replicas are in the rotation, without lag."""
    world.use_replicas()
    yield world
    for replica in world.stack.replicas:
        signal_all(replica, signal.SIGCONT)
        if not replica.running:
            replica.start()
        replica.execute("SELECT pg_wal_replay_resume()")


def signal_all(server: Postgres, number: int) -> None:
    """Send a signal to each process of the server: its backends answer also while the first process is stopped."""
    first = int((server.data / "postmaster.pid").read_text().split()[0])
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if first in (parent, int(folder.name)):
                os.kill(int(folder.name), number)


def read(world: World) -> tuple[int, str]:
    """Return the row's value, and which server answered."""

    def produce() -> tuple[int, str]:
        ((name, port),) = Tag.select(Tag.name, peewee.fn.inet_server_port()).where(Tag.id == world.row.id).tuples()
        return int(name), server_at(world, port)

    return cache.read_uncached(world.key.collections, produce)


def server_at(world: World, port: int) -> str:
    names = {world.stack.postgres.port: "primary"}
    names |= {replica.port: f"replica {number}" for number, replica in enumerate(world.stack.replicas, 1)}
    return names[port]


def served_by(world: World, times: int = 6) -> set[str]:
    return {read(world)[1] for _ in range(times)}


def caught_up(world: World, replica: Postgres) -> bool:
    (position,) = world.stack.postgres.execute("SELECT pg_current_wal_insert_lsn()")[0]
    return bool(replica.execute("SELECT pg_last_wal_replay_lsn() >= %s", (position,))[0][0])


def test_replicas_take_turns_while_they_have_replayed_the_marks(replicated: World) -> None:
    assert wait_until(lambda: served_by(replicated) == {"replica 1", "replica 2"}, SECONDS)


def test_a_lagging_replica_serves_only_rows_that_it_has_replayed(replicated: World) -> None:
    writer = replicated.process()
    other = Tag.create(name="other", slug=f"other-{time.monotonic_ns()}")
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    for replica in replicated.stack.replicas:
        replica.execute("SELECT pg_wal_replay_pause()")
    for value in range(1, 10):
        writer.write(replicated.row, value)
        assert read(replicated) == (value, "primary")
    for replica in replicated.stack.replicas:
        replica.execute("SELECT pg_wal_replay_resume()")
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    assert read(replicated)[0] == 9
    replicated.stack.replicas[0].execute("SELECT pg_wal_replay_pause()")
    replicated.stack.replicas[1].execute("SELECT pg_wal_replay_pause()")
    Tag.update(name="changed").where(Tag.id == other.id).execute()
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS), "another row changed, not this one"


def test_a_fill_from_a_lagging_replica_is_never_cached(replicated: World) -> None:
    writer = replicated.process()
    for replica in replicated.stack.replicas:
        replica.execute("SELECT pg_wal_replay_pause()")
    for value in range(1, 10):
        writer.write(replicated.row, value)
        assert replicated.value() == value
        assert replicated.read() == (value, "hit")


def test_a_commit_that_a_replica_shows_before_the_primary_is_not_returned(replicated: World) -> None:
    """A write between the marks and their comparison: the primary answers instead."""
    writer = replicated.process()
    asked = []

    def produce() -> int:
        value = replicated.seen()
        asked.append(value)
        if len(asked) == 1:
            replicated.run(writer.write, replicated.row, 1).result(SECONDS)
        return value

    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    assert cache.read_uncached(replicated.key.collections, produce) == 1
    assert asked == [0, 1]


def test_a_replica_of_another_epoch_serves_no_read(replicated: World) -> None:
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    epoch = replicated.lease_manager.ask(NAME).epoch
    for replica in replicated.stack.replicas:
        replica.execute("SELECT pg_wal_replay_pause()")
    watermarks.epochs.close(databases.blog.obj)
    assert wait_until(lambda: (row := replicated.lease_manager.lease(NAME)) is not None and row.epoch != epoch, SECONDS)
    assert served_by(replicated) == {"primary"}


def test_a_request_that_has_written_reads_the_primary(replicated: World) -> None:
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)

    def produce() -> tuple[str, str]:
        def asked() -> str:
            return server_at(replicated, databases.blog.execute_sql("SELECT inet_server_port()").fetchone()[0])

        before = asked()
        Tag.update(name="1").where(Tag.id == replicated.row.id).execute()
        return before, asked()

    other_marks = ((NAME, "categories"),)
    before, after = cache.read_uncached(other_marks, produce)
    assert before.startswith("replica")
    assert after == "primary"


def test_no_reader_forces_the_primary(replicated: World) -> None:
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)

    def produce() -> int:
        with routing.route_reads({}):
            return int(databases.blog.execute_sql("SELECT inet_server_port()").fetchone()[0])

    port = cache.read_uncached(replicated.key.collections, produce)
    assert server_at(replicated, port) == "primary"


def test_a_write_sent_to_a_replica_is_an_error_in_tests(replicated: World) -> None:
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    hidden = "SELECT nextval('blog.migrations_id_seq')"
    with pytest.raises(peewee.InternalError, match="read-only transaction"):
        cache.read_uncached(replicated.key.collections, lambda: databases.blog.execute_sql(hidden))


@pytest.mark.parametrize("fault", ["killed", "frozen"])
def test_a_lost_replica_delays_no_read_by_more_than_one_connect_timeout(replicated: World, fault: str) -> None:
    assert wait_until(lambda: served_by(replicated) == {"replica 1", "replica 2"}, SECONDS)
    gone = replicated.stack.replicas[0]
    gone.kill() if fault == "killed" else signal_all(gone, signal.SIGSTOP)
    longest = 0.0
    for _ in range(20):
        started = time.monotonic()
        assert read(replicated)[0] == 0
        longest = max(longest, time.monotonic() - started)
    assert longest < 2 * replicated.settings.connect_timeout
    assert wait_until(lambda: served_by(replicated) == {"replica 2"}, SECONDS)
    gone.start() if fault == "killed" else signal_all(gone, signal.SIGCONT)
    assert wait_until(lambda: served_by(replicated) == {"replica 1", "replica 2"}, SECONDS)


def test_a_replica_that_refuses_new_connections_fails_no_read(replicated: World, monkeypatch) -> None:
    """Until the next health check it counts as healthy; a thread without a connection to it finds out."""
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    for replica in databases.blog.rotation.replicas:
        monkeypatch.setitem(replica.server.connect_params, "host", "127.0.0.1")
        monkeypatch.setitem(replica.server.connect_params, "port", 1)
    with ThreadPoolExecutor(1) as another_thread:
        assert another_thread.submit(served_by, replicated).result(SECONDS) == {"primary"}


def test_a_replica_too_far_behind_leaves_the_rotation_and_comes_back(
    replicated: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation = databases.blog.rotation
    late = rotation.replicas[0]
    behind = replicated.stack.replicas[0]
    behind.execute("SELECT pg_wal_replay_pause()")
    Tag.create(name="news", slug=f"news-{time.monotonic_ns()}")
    assert late.is_healthy()
    object.__setattr__(replicated.settings, "replica_lag_seconds", 1.0)
    try:
        assert wait_until(lambda: not late.is_healthy(), SECONDS)
        assert wait_until(lambda: rotation.next() is rotation.replicas[1], SECONDS)
    finally:
        object.__setattr__(replicated.settings, "replica_lag_seconds", 10.0)
    behind.execute("SELECT pg_wal_replay_resume()")
    assert wait_until(late.is_healthy, SECONDS)


def test_without_redis_the_primary_answers(replicated: World) -> None:
    assert replicated.stack.redis
    assert wait_until(lambda: "primary" not in served_by(replicated), SECONDS)
    replicated.stack.redis.kill()
    assert served_by(replicated) == {"primary"}
