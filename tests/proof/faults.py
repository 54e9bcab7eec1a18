"""The faults of servers and of the app's processes during a run."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable

import redis

from blog_app.development.local.ports import private_port
from blog_app.development.local.redis import Redis
from blog_app.development.local.stack import Stack

from .machines import Machine


class Faults:
    """The faults by name. Each lasts for a while, and has ended when its function returns."""

    def __init__(self, stack: Stack, machines: list[Machine], chance: random.Random) -> None:
        self.stack = stack
        self.machines = machines
        self.chance = chance
        self.all: dict[str, Callable[[], None]] = {
            "redis cut off from the first machine": self.cut_redis_connections,
            "redis restarted with old memory": self.restart_redis_with_old_memory,
            "redis swapped for an older copy": self.swap_redis,
            "replicas paused": self.pause_replicas,
            "worker killed": self.kill_a_worker,
            "redis flushed": self.flush_redis,
            "redis frozen": self.freeze_redis,
            "pgbouncer frozen": self.freeze_pgbouncer,
            "replica killed": self.kill_a_replica,
            "postgresql frozen": self.freeze_postgres,
            "pgbouncer killed": self.kill_pgbouncer,
            "redis restarted empty": self.restart_redis_empty,
            "connections of writers ended": self.end_connections,
            "postgresql killed": self.kill_postgres,
            "postgresql dead behind pgbouncer": self.keep_postgres_dead,
        }

    def hold(self) -> None:
        time.sleep(self.chance.uniform(0.3, 1.5))

    def hold_long(self) -> None:
        """Long enough, as a rule, that waits for a database end and its circuit breaker opens."""
        time.sleep(self.chance.uniform(2, 7))

    def cut_redis_connections(self) -> None:
        machine = self.machines[0]
        machine.proxy.cut()
        self.hold()
        machine.proxy.restore()

    def restart_redis_with_old_memory(self) -> None:
        assert self.stack.redis
        redis.Redis.from_url(self.stack.redis.url).save()
        self.hold()
        self.stack.redis.kill()
        self.stack.redis.start()
        (self.stack.redis.folder / "dump.rdb").unlink()

    def swap_redis(self) -> None:
        """Let the last machine reach a copy of Redis that is some moments old, as after a failover."""
        assert self.stack.redis
        folder = self.stack.folder / f"copy_{time.monotonic_ns()}"
        with private_port() as port:
            copy = Redis(self.stack.group, self.stack.redis.program, folder, port)
            redis.Redis.from_url(self.stack.redis.url).save()
            shutil.move(self.stack.redis.folder / "dump.rdb", copy.folder / "dump.rdb")
            self.stack.group.own(copy.folder / "dump.rdb")
            copy.start()
            self.machines[-1].proxy.redirect(copy.port)
            time.sleep(3)
            self.machines[-1].proxy.redirect(self.stack.redis.port)
            copy.stop()

    def restart_redis_empty(self) -> None:
        assert self.stack.redis
        self.stack.redis.kill()
        self.hold()
        self.stack.redis.start()

    def freeze_redis(self) -> None:
        assert self.stack.redis
        self.stack.redis.freeze()
        self.hold()
        self.stack.redis.thaw()

    def flush_redis(self) -> None:
        assert self.stack.redis
        redis.Redis.from_url(self.stack.redis.url).flushall()

    def pause_replicas(self) -> None:
        for replica in self.stack.replicas:
            replica.execute("SELECT pg_wal_replay_pause()")
        self.hold()
        for replica in self.stack.replicas:
            replica.execute("SELECT pg_wal_replay_resume()")

    def kill_a_replica(self) -> None:
        replica = self.chance.choice(self.stack.replicas)
        replica.kill()
        self.hold()
        replica.start()

    def kill_pgbouncer(self) -> None:
        if self.stack.pgbouncer:
            self.stack.pgbouncer.kill()
            self.hold()
            self.stack.pgbouncer.start()

    def freeze_pgbouncer(self) -> None:
        if self.stack.pgbouncer:
            self.stack.pgbouncer.freeze()
            self.hold_long()
            self.stack.pgbouncer.thaw()

    def kill_postgres(self) -> None:
        self.stack.postgres.kill()
        self.stack.postgres.start()

    def keep_postgres_dead(self) -> None:
        self.stack.postgres.kill()
        self.hold_long()
        self.stack.postgres.start()

    def freeze_postgres(self) -> None:
        self.stack.postgres.freeze()
        self.hold_long()
        self.stack.postgres.thaw()

    def kill_a_worker(self) -> None:
        self.chance.choice(self.machines).kill_a_worker(self.chance.randrange(2))

    def end_connections(self) -> None:
        ends = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'blog_app' AND xact_start < now()"
        )
        self.stack.postgres.execute(ends)
