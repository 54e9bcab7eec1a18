"""Statement time-outs through a transaction-mode pooler; many clients on few server connections."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import peewee
import pytest

from blog_app.config import DATABASE_NAMES, Settings
from blog_app.data import databases
from blog_app.data.databases import DatabaseUnreachable, Server, watchdog
from blog_app.development.local.process import Process
from blog_app.development.local.stack import Stack, throwaway

STATEMENT_SECONDS = 0.5
CONNECT_SECONDS = 2
GRACE, INTERVAL = 0.4, 0.1
THREADS = 100
SERVER_CONNECTIONS = 20


@pytest.fixture(scope="module")
def short_timeouts() -> Iterator[Stack]:
    """Servers for an app with short timeouts."""
    limits = {"STATEMENT_TIMEOUT": str(STATEMENT_SECONDS), "CONNECT_TIMEOUT": str(CONNECT_SECONDS)}
    with throwaway(variables=limits) as started:
        yield started


@pytest.fixture(autouse=True)
def quick_watchdog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "GRACE", GRACE)
    monkeypatch.setattr(watchdog, "INTERVAL", INTERVAL)


@pytest.fixture(params=[pytest.param("url", marks=pytest.mark.pgbouncer), "direct_url"])
def server(request: pytest.FixtureRequest, short_timeouts: Stack) -> Iterator[Server]:
    settings = Settings.from_environment({"APP_MODE": "test"} | short_timeouts.environment())
    found = databases.server(settings, "blog", getattr(settings.databases["blog"], request.param))
    found.connect()
    yield found
    found.discard()


def test_a_statement_ends_at_its_timeout(server: Server) -> None:
    started = time.monotonic()

    with pytest.raises(peewee.OperationalError, match="statement timeout"):
        server.execute_sql("SELECT pg_sleep(5)")

    assert time.monotonic() - started >= STATEMENT_SECONDS
    assert server.execute_sql("SELECT 1").fetchone() == (1,)


def test_a_longer_limit_for_one_transaction_ends_with_it(server: Server) -> None:
    with server.atomic():
        server.limit_statements(30)
        server.execute_sql("SELECT pg_sleep(%s)", (STATEMENT_SECONDS + GRACE + 2 * INTERVAL,))

    with pytest.raises(peewee.OperationalError, match="statement timeout"):
        server.execute_sql("SELECT pg_sleep(5)")


@pytest.mark.parametrize("step", ["read", "begin", "statement", "commit"])
def test_a_wait_for_a_frozen_server_ends(server: Server, short_timeouts: Stack, step: str) -> None:
    def act(at: str) -> None:
        if at == step:
            frozen.freeze()

    frozen = frozen_part(server, short_timeouts)
    steps = {"read": "lost", "begin": "lost", "statement": "lost", "commit": "outcome is unknown"}
    try:
        with pytest.raises(DatabaseUnreachable, match=steps[step]):
            if step == "read":
                act("read")
                server.execute_sql("SELECT 1")
            act("begin")
            with server.atomic():
                act("statement")
                server.execute_sql("SELECT 1")
                act("commit")
    finally:
        frozen.thaw()

    assert server.execute_sql("SELECT 1").fetchone() == (1,)


def frozen_part(server: Server, stack: Stack) -> Process:
    """Return what answers this server's clients."""
    answering = stack.postgres if server.url == stack.environment()["BLOG_DIRECT_URL"] else stack.pgbouncer
    assert answering
    return answering


def test_connecting_to_a_hanging_server_ends_at_the_timeout(server: Server, short_timeouts: Stack) -> None:
    hanging = frozen_part(server, short_timeouts)
    server.discard()
    started = time.monotonic()

    hanging.freeze()
    try:
        with pytest.raises(DatabaseUnreachable, match="timeout"):
            server.connect()
    finally:
        hanging.thaw()

    assert time.monotonic() - started > CONNECT_SECONDS - 0.5


@pytest.mark.pgbouncer
def test_the_pooler_ends_a_statement_whose_server_hangs(short_timeouts: Stack) -> None:
    settings = Settings.from_environment({"APP_MODE": "test"} | short_timeouts.environment())
    pooled = databases.server(settings, "files", settings.databases["files"].url)
    backend = pooled.execute_sql("SELECT pg_backend_pid()").fetchone()[0]

    os.kill(backend, signal.SIGSTOP)
    try:
        with pytest.raises(DatabaseUnreachable):
            pooled.execute_sql("SELECT 1")
    finally:
        os.kill(backend, signal.SIGCONT)
        pooled.discard()


@pytest.mark.pgbouncer
def test_500_clients_share_20_server_connections_without_an_error(stack: Stack) -> None:
    settings = Settings.from_environment({"APP_MODE": "test"} | stack.environment())
    servers = [databases.server(settings, name, settings.databases[name].url) for name in DATABASE_NAMES]
    one_at_a_time = threading.Lock()
    all_connected = threading.Barrier(THREADS + 1, timeout=60)
    counted = threading.Event()

    def client() -> int:
        """One thread of the app, with a connection for each logical database."""
        try:
            with one_at_a_time:
                for server in servers:
                    server.connect()
            all_connected.wait()
            answered = 0
            while not (counted.is_set() and answered):
                for server in servers:
                    with server.atomic():
                        answered += server.execute_sql("SELECT 1 FROM pg_sleep(0.001)").fetchone()[0]
            return answered
        finally:
            all_connected.abort()
            for server in servers:
                server.discard()

    with ThreadPoolExecutor(THREADS) as threads:
        clients = [threads.submit(client) for _ in range(THREADS)]
        with suppress(threading.BrokenBarrierError):
            all_connected.wait()
            pools = [samples(stack) for _ in range(10)]
        counted.set()
        answers = [each.result() for each in clients]

    assert min(pool["clients"] for pool in pools) >= THREADS * len(DATABASE_NAMES)
    assert max(pool["servers"] for pool in pools) <= SERVER_CONNECTIONS
    assert all(pool["mode"] == {"transaction"} for pool in pools)
    assert min(answers) >= len(DATABASE_NAMES)


def samples(stack: Stack) -> dict[str, object]:
    """Return how many clients PgBouncer serves, on how many connections to PostgreSQL, in which mode."""
    time.sleep(0.05)
    pools = [pool for pool in stack.pgbouncer.admin("SHOW POOLS") if pool["user"] == "blog_app"]
    counts = [name for name in pools[0] if name.startswith("sv_")]
    return {
        "clients": sum(pool["cl_active"] + pool["cl_waiting"] for pool in pools),
        "servers": sum(pool[name] for pool in pools for name in counts),
        "mode": {pool["pool_mode"] for pool in pools},
    }
