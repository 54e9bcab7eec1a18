"""What requests get while a database is away, and when it is back."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.config import Settings
from blog_app.data import databases, watermarks
from blog_app.data.databases import DatabaseUnreachable
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway

SECONDS = 60
THREADS = 6

pytestmark = pytest.mark.pgbouncer


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Stack, Flask]]:
    with throwaway(variables={"STATEMENT_TIMEOUT": "1", "CONNECT_TIMEOUT": "2"}) as stack:
        app = create_app(Settings.from_environment({**stack.environment(), "APP_MODE": "test"}))
        result = app.test_cli_runner().invoke(args=["migrate", "up"])
        assert result.exit_code == 0, result.output
        yield stack, app
        assert watermarks.lease_manager
        watermarks.lease_manager.stop()


@pytest.fixture
def app(servers: tuple[Stack, Flask]) -> Flask:
    return servers[1]


@pytest.fixture
def stack(servers: tuple[Stack, Flask]) -> Iterator[Stack]:
    """Servers that a test may freeze and kill; all answer when the next one begins."""
    stack, app = servers
    yield stack
    for part in stack.servers:
        part.thaw()
        if not part.running:
            part.start()
    assert wait_until(lambda: statuses(app) == Counter({404: THREADS}), SECONDS)


def statuses(app: Flask) -> Counter[int]:
    """Ask for missing posts at once; return how many requests got which status. A 404 comes from the database."""
    with ThreadPoolExecutor(THREADS) as threads:
        paths = [f"/api/v1/posts/none-{number}" for number in range(THREADS)]
        return Counter(threads.map(lambda path: app.test_client().get(path).status_code, paths))


def is_open(name: str) -> bool:
    return bool(databases.BY_NAME[name].obj.breaker.is_open())


@pytest.mark.parametrize("part", ["pgbouncer", "postgres"])
def test_a_frozen_server_holds_no_request_beyond_its_limit_and_those_after_it_fail_at_once(
    app: Flask, stack: Stack, part: str
) -> None:
    assert statuses(app) == {404: THREADS}
    frozen = getattr(stack, part)

    frozen.freeze()

    assert statuses(app) == {503: THREADS}
    assert wait_until(lambda: is_open("blog"), SECONDS)
    for _ in range(50):
        assert statuses(app) == {503: THREADS}
    assert app.test_client().get("/healthz").status_code == 200
    ready = app.test_client().get("/readyz")
    assert (ready.status_code, ready.json["checks"]["blog"]["status"]) == (503, "away")
    frozen.thaw()
    assert wait_until(lambda: statuses(app) == {404: THREADS}, SECONDS)


def test_one_dead_server_opens_the_circuits_of_all_databases_on_it(app: Flask, stack: Stack) -> None:
    stack.postgres.kill()

    assert wait_until(lambda: statuses(app) == {503: THREADS}, SECONDS)

    assert wait_until(lambda: all(is_open(database.name) for database in databases.ALL), SECONDS)
    for _ in range(50):
        assert statuses(app) == {503: THREADS}
    stack.postgres.start()
    assert wait_until(lambda: statuses(app) == {404: THREADS}, SECONDS)


def test_a_transaction_that_loses_its_connection_does_not_open_the_circuit(app: Flask, stack: Stack) -> None:
    opened = Counter[str]()
    databases.blog.obj.breaker.on_open = lambda: opened.update(["blog"])

    with pytest.raises(DatabaseUnreachable, match="lost"), databases.blog.atomic():
        databases.blog.execute_sql("SELECT 1")
        ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        stack.postgres.execute(ends)
        databases.blog.execute_sql("SELECT 1")

    assert statuses(app) == {404: THREADS}
    assert not opened


def test_a_pool_without_a_free_connection_does_not_open_the_circuit(app: Flask, stack: Stack) -> None:
    done, holding = threading.Event(), threading.Barrier(5)
    opened = Counter[str]()
    databases.shop.obj.breaker.on_open = lambda: opened.update(["shop"])

    def hold() -> None:
        with databases.shop.atomic():
            databases.shop.execute_sql("SELECT 1")
            holding.wait(SECONDS)
            done.wait(SECONDS)
        databases.shop.obj.discard()

    with ThreadPoolExecutor(4) as threads:
        holders = [threads.submit(hold) for _ in range(4)]
        holding.wait(SECONDS)
        with pytest.raises(DatabaseUnreachable, match="lost"):
            databases.shop.execute_sql("SELECT 1")
        assert not databases.shop.obj.breaker.is_answering(SECONDS)
        done.set()
        for holder in holders:
            holder.result(SECONDS)

    assert not opened
    assert databases.shop.execute_sql("SELECT 1").fetchone() == (1,)
