"""The watermark tests' own servers, one row, and the processes of the app that read and write it.

All servers are real. A `Process` stands for another process of the app, with its own connections, leases and circuit
breaker. A `Gate` stops a thread at a named step of the protocol.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from flask import Flask

from blog_app import create_app
from blog_app.blog.models import Tag
from blog_app.config import Settings
from blog_app.data import cache, databases, watermarks
from blog_app.data.databases.replicas import Replica
from blog_app.data.watermarks import epochs, leases
from blog_app.data.watermarks.announcer import Announcer
from blog_app.data.watermarks.leases import LeaseManager, mark_key
from blog_app.data.watermarks.lookup import CacheKey, Lookup
from blog_app.data.watermarks.redis_link import RedisLink
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway

NAME = "blog"
SECONDS = 60


class Killed(BaseException):
    """The process died here: nothing after this line happened."""


class Gate:
    """A step at which a thread stops until the test lets it continue, or kills it."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.on_kill: Callable[[], Any] | None = None

    def wait(self) -> None:
        """Return when a thread has stopped here."""
        assert self.reached.wait(SECONDS), "no thread reached this step"

    def open(self) -> None:
        self.opened.set()

    def kill(self, on_kill: Callable[[], Any] = lambda: None) -> None:
        """End the thread here; `on_kill` is what the operating system then does, such as closing connections."""
        self.on_kill = on_kill
        self.opened.set()

    def stop(self) -> None:
        self.reached.set()
        assert self.opened.wait(SECONDS), "the test did not open the gate"
        if self.on_kill:
            self.on_kill()
            raise Killed


def gate_before(owner: Any, step: str) -> Gate:
    """Put a gate before a method of one object."""
    return _gate(owner, step, first=True)


def gate_after(owner: Any, step: str) -> Gate:
    """Put a gate after a method of one object."""
    return _gate(owner, step, first=False)


def _gate(owner: Any, step: str, *, first: bool) -> Gate:
    gate, method = Gate(), getattr(owner, step)

    def gated(*args: Any, **options: Any) -> Any:
        if first:
            gate.stop()
        result = method(*args, **options)
        if not first:
            gate.stop()
        return result

    setattr(owner, step, gated)
    return gate


class Process:
    """Another process of the app."""

    def __init__(self, settings: Settings) -> None:
        bound = {
            name: SimpleNamespace(obj=databases.server(settings, name, settings.databases[name].url))
            for name in (NAME, "accounts")
        }
        assert settings.redis_url
        link = RedisLink(settings.redis_url, settings.redis_timeout, settings.redis_prefix)
        self.lease_manager = LeaseManager(link, bound)  # type: ignore[arg-type]
        self.server = bound[NAME].obj
        self.announcer = self.server.announcer = Announcer(self.lease_manager, NAME)

    def write(self, row: Tag, value: int) -> None:
        """Set the row to `value`; return when the request may be answered."""
        Tag.update(name=str(value)).where(Tag.id == row.id).execute(self.server)

    def die(self) -> None:
        """Lose the memory of this process; its connections end."""
        self.server.discard()
        self.lease_manager.stop()


class World:
    """The servers, this process, and the one row."""

    def __init__(self, stack: Stack, app: Flask) -> None:
        self.stack = stack
        self.app = app
        self.settings: Settings = app.config["SETTINGS"]
        self.pool = ThreadPoolExecutor(8)
        self.row: Tag
        self.others: list[Process] = []
        self._replicas: list[Replica] = []

    def begin(self) -> None:
        """Start with a new row, an empty Redis, an open epoch, and no replicas."""
        for server in (self.stack.postgres, *self.stack.replicas, self.stack.redis):
            assert server
            if not server.running:
                server.start()
        databases.bind(self.settings)
        watermarks.bind(self.settings)
        cache.init_app(self.app)
        self._replicas, databases.blog.rotation.replicas = databases.blog.rotation.replicas, []
        self.redis.config_set("maxmemory", 0)
        self.redis.flushall()
        Tag.delete().execute()  # Names are unique.
        self.row = Tag.create(name="0", slug=f"row-{time.monotonic_ns()}")
        self.await_open()

    def end(self) -> None:
        for process in self.others:
            process.die()
        self.others.clear()

    def use_replicas(self) -> None:
        """Let replicas serve reads too; return when both are in the rotation."""
        databases.blog.rotation.replicas = self._replicas
        assert wait_until(lambda: all(replica.is_healthy() for replica in self._replicas), SECONDS)

    @property
    def lease_manager(self) -> LeaseManager:
        assert watermarks.lease_manager
        return watermarks.lease_manager

    @property
    def redis(self) -> redis.Redis:
        assert self.stack.redis
        return redis.Redis.from_url(self.stack.redis.url)

    def process(self, **other_settings: Any) -> Process:
        self.others.append(Process(replace(self.settings, **other_settings)))
        return self.others[-1]

    def run(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run `function` in a thread of its own."""
        return self.pool.submit(function, *args)

    def await_open(self) -> None:
        """Return when this process has a lease."""
        assert wait_until(lambda: self.lease_manager.lease(NAME) is not None, SECONDS), self.lease_manager.known[NAME]

    @property
    def key(self) -> CacheKey:
        return CacheKey(((NAME, f"tags/{self.row.id}"), (NAME, "tags/*")), f"tag:{self.row.id}")

    def look_up(self) -> Lookup | None:
        (found,) = cache.look_up(self.key)
        return found

    def read(self, produce: Callable[[], cache.Representation] | None = None) -> tuple[int, str]:
        """Return the row's value as a reader gets it, and the outcome: hit, miss or bypass."""
        declared = cache.Reads((Tag,), cached=True)
        result, outcome = cache.respond("tag", self.look_up(), self.key, produce or self.produce, declared)
        return int(result.body), outcome

    def value(self) -> int:
        return self.read()[0]

    def produce(self) -> cache.Representation:
        return cache.Representation("", time.time(), "text/plain", "", str(self.seen()).encode())

    def seen(self) -> int:
        """Read the row from the server that answers the reads of this context."""
        ((name,),) = Tag.select(Tag.name).where(Tag.id == self.row.id).tuples()
        return int(name)

    def mark(self) -> str:
        """Return the mark of the row in Redis."""
        row = epochs.read(databases.blog.obj)
        key = mark_key(self.settings.redis_prefix, NAME, row.epoch, f"tags/{self.row.id}")
        return (self.redis.get(key) or b"").decode()

    def warm(self) -> None:
        """Fill the cache: read until a read is a hit."""
        assert wait_until(lambda: self.read()[1] == "hit", SECONDS)


@pytest.fixture(scope="package")
def servers() -> Iterator[tuple[Stack, Flask]]:
    with throwaway(replicas=2) as stack:
        settings = Settings.from_environment(
            {**stack.environment(), "APP_MODE": "test", "REDIS_TIMEOUT": "1.5", "CACHE_AT_REQUEST": "1"}
        )
        app = create_app(settings)
        result = app.test_cli_runner().invoke(args=["migrate", "up"])
        assert result.exit_code == 0, result.output
        yield stack, app
        assert watermarks.lease_manager
        watermarks.lease_manager.stop()


@pytest.fixture
def world(servers: tuple[Stack, Flask], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(leases, "MIN_BACKOFF", 0.0)
    monkeypatch.setattr(leases, "MAX_BACKOFF", 0.0)
    found = World(*servers)
    found.begin()
    yield found
    found.end()
