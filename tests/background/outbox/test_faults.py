"""A worker whose servers die: it resumes, and nothing is lost or repeated."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway
from tests.helpers.programs import Program

TABLE = "CREATE TABLE {0}.test_effects (id serial PRIMARY KEY, subject uuid, number int)"
GRANT = "GRANT ALL ON {0}.test_effects, {0}.test_effects_id_seq TO blog_app"
PUBLISH = """
    INSERT INTO accounts.outbox (event_id, name, subject, payload, handler, published_at, due_at)
    SELECT gen_random_uuid(), 'test.happened', '{subject}', jsonb_build_object('number', number), handler, now(), now()
      FROM generate_series({first}, {last}) number,
           unnest(ARRAY['shop.record_in_shop', 'accounts.record_in_accounts']) handler
     ORDER BY number
"""
TIMEOUT_SECONDS = 90


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """Servers that these tests may kill, and a worker on them."""
    with throwaway() as own:
        flask = [Path(sys.executable).parent / "flask", "--app", "tests.helpers.outbox_handlers"]
        environment = os.environ | own.environment() | {"APP_MODE": "test", "CLAIM_SECONDS": "1"}
        with Program(*flask, "migrate", "up", environment=environment) as migration:
            assert migration.wait() == 0, migration.said
        for schema in ("accounts", "shop"):
            own.postgres.execute(TABLE.format(schema), database="blog_app")
            own.postgres.execute(GRANT.format(schema), database="blog_app")
        with Program(*flask, "worker", environment=environment) as worker:
            yield own
            assert worker.poll() is None, worker.said
            assert worker.end() == 0


def recorded(stack: Stack, schema: str, subject: object) -> list[int]:
    query = f"SELECT number FROM {schema}.test_effects WHERE subject = '{subject}' ORDER BY id"
    return [number for (number,) in stack.postgres.execute(query, database="blog_app")]


def kill_postgres(stack: Stack) -> None:
    stack.postgres.kill()
    stack.postgres.start()


def kill_pgbouncer(stack: Stack) -> None:
    if stack.pgbouncer is None:
        pytest.skip("there is no PgBouncer on this machine")
    stack.pgbouncer.kill()
    stack.pgbouncer.start()


def kill_redis(stack: Stack) -> None:
    if stack.redis is None:
        pytest.skip("there is no Redis on this machine")
    stack.redis.kill()


@pytest.mark.parametrize("kill", [kill_postgres, kill_pgbouncer, kill_redis])
def test_a_worker_resumes_after_a_server_dies(own_stack: Stack, kill: Callable[[Stack], None]) -> None:
    subject = uuid4()
    publish = PUBLISH.format(subject=subject, first=1, last=60)
    own_stack.postgres.execute(publish, database="blog_app")
    assert wait_until(lambda: len(recorded(own_stack, "shop", subject)) > 5, TIMEOUT_SECONDS)
    kill(own_stack)
    own_stack.postgres.execute(PUBLISH.format(subject=subject, first=61, last=70), database="blog_app")
    assert wait_until(lambda: recorded(own_stack, "accounts", subject)[-1:] == [70], TIMEOUT_SECONDS)
    assert wait_until(lambda: recorded(own_stack, "shop", subject)[-1:] == [70], TIMEOUT_SECONDS)
    assert recorded(own_stack, "shop", subject) == recorded(own_stack, "accounts", subject) == list(range(1, 71))
