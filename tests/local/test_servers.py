"""The throwaway servers themselves."""

from __future__ import annotations

import psycopg2
import pytest
import redis

from blog_app.config import Settings
from blog_app.local.process import wait_until
from blog_app.local.stack import Stack, throwaway


def test_the_environment_leads_to_five_logical_databases_and_redis(stack: Stack) -> None:
    settings = Settings.from_environment({"APP_MODE": "test"} | stack.environment())

    for database in settings.databases.values():
        for url in (database.url, database.direct_url):
            psycopg2.connect(url).close()
    assert redis.Redis.from_url(settings.redis_url).ping()


@pytest.mark.pgbouncer
def test_replicas_stream_and_are_reached_through_entries_of_their_own() -> None:
    with throwaway(replicas=1) as stack:
        stack.postgres.execute("CREATE TABLE public.marks AS SELECT 1 AS value", database="blog_app")
        stack.postgres.execute("GRANT SELECT ON public.marks TO blog_app", database="blog_app")
        replica = stack.replicas[0]
        arrived = "SELECT to_regclass('public.marks') IS NOT NULL"
        assert wait_until(lambda: replica.execute(arrived, database="blog_app")[0][0], 5)

        with psycopg2.connect(stack.environment()["BLOG_REPLICA_URLS"]) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_is_in_recovery(), value FROM public.marks")
            assert cursor.fetchone() == (True, 1)
        connection.close()


def test_two_stacks_at_once_do_not_meet_and_leave_nothing_behind(stack: Stack) -> None:
    with throwaway() as other:
        assert other.folder != stack.folder
        assert other.postgres.port != stack.postgres.port
        psycopg2.connect(other.environment()["BLOG_DIRECT_URL"]).close()
    assert not other.folder.exists()
    assert not other.postgres.running
