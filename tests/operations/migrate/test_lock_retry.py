"""Lock timeouts and retries: short waits, the blocker is named, nobody waits meanwhile."""

from __future__ import annotations

from dataclasses import replace

import psycopg2
import pytest

from blog_app.development.local.process import wait_until
from blog_app.operations.migrate import MigrationError, lock_retry
from blog_app.operations.migrate.connection import connected
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall


@pytest.fixture
def posts(workshop):
    workshop.sql("001_posts", "CREATE TABLE blog.posts (id integer PRIMARY KEY, title text)")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.posts VALUES (1, 'one')")
    return workshop


@pytest.fixture
def quick_pauses(monkeypatch):
    monkeypatch.setattr(lock_retry, "MIN_BACKOFF", 0.1)
    monkeypatch.setattr(lock_retry, "MAX_BACKOFF", 0.2)


def connect(workshop, application_name: str = "psql"):
    return psycopg2.connect(workshop.settings.databases["blog"].url, application_name=application_name)


def test_a_blocking_transaction_is_named_and_readers_never_wait_long(posts, quick_pauses):
    posts.sql("002_wide", "ALTER TABLE blog.posts ADD COLUMN words integer")
    holder = connect(posts, "report of the boss")
    with holder.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM blog.posts")
        runner = BackgroundCall(posts.up, "blog")
        with connect(posts) as reader, reader.cursor() as reading:

            def read_while_it_tries() -> bool:
                # Behind a runner that kept its place in the queue this would wait for the holder: for ever.
                reading.execute("SELECT title FROM blog.posts")
                reader.commit()
                return sum("lock timeout; blocked by" in line for line in posts.reported) == 3

            reading.execute("SET statement_timeout = '30s'")
            assert wait_until(read_while_it_tries, TIMEOUT_SECONDS)
        reader.close()
    holder.close()
    runner.result()

    line = next(line for line in posts.reported if "lock timeout; blocked by pid" in line)
    assert line.startswith("blog: apply 002_wide: lock timeout; blocked by pid ")
    assert "report of the boss, user blog_app, idle in transaction" in line
    assert "SELECT count(*) FROM blog.posts" in line
    assert posts.query("SELECT words FROM blog.posts") == [(None,)]


def test_it_gives_up_after_some_tries_and_names_the_blocker(posts, quick_pauses, monkeypatch):
    monkeypatch.setattr(lock_retry, "MAX_TRIES", 2)
    posts.sql("002_wide", "ALTER TABLE blog.posts ADD COLUMN words integer")
    with connect(posts, "the one") as holder, holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM blog.posts")
        with pytest.raises(MigrationError, match=r"no lock in 2 tries over \d+ s; last blocked by pid \d+ \(the one"):
            posts.up("blog")
    holder.close()


def test_a_transaction_is_retried_as_a_whole_and_holds_nothing_meanwhile(posts, quick_pauses):
    posts.write(
        "002_both",
        """
        migrator.sql("CREATE TABLE blog.first ()")
        migrator.sql("ALTER TABLE blog.posts ADD COLUMN words integer")
        """,
    )
    holder = connect(posts)
    with holder.cursor() as cursor:
        cursor.execute("SELECT 1 FROM blog.posts")
        runner = BackgroundCall(posts.up, "blog")
        assert wait_until(lambda: any("lock timeout; blocked by" in line for line in posts.reported), TIMEOUT_SECONDS)
        assert posts.tables() == ["posts"]
    holder.close()
    runner.result()
    assert posts.tables() == ["first", "posts"]


def test_a_slow_statement_is_stopped_unless_the_file_sets_a_timeout(posts, monkeypatch):
    monkeypatch.setattr(lock_retry, "STATEMENT_TIMEOUT", 0.5)
    posts.sql("002_slow", "SELECT pg_sleep(1)")
    with pytest.raises(MigrationError, match=r"002_slow: a statement took longer than 0\.5 s.*statement_timeout ="):
        posts.up("blog")
    posts.sql("002_slow", "SELECT pg_sleep(1)", head="statement_timeout = 60")
    assert posts.up("blog") == {"blog": ["002_slow"]}


def test_autovacuum_is_cancelled_without_blocking_anybody(posts, stack):
    """A manual VACUUM does not yield, so this needs autovacuum."""
    posts.query("INSERT INTO blog.posts SELECT i, repeat('x', 200) FROM generate_series(2, 60000) AS i")
    posts.query(
        "ALTER TABLE blog.posts SET (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0, "
        "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1)"
    )
    posts.query("DELETE FROM blog.posts WHERE id % 3 = 0".replace("%", "%%"))
    stack.postgres.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    stack.postgres.execute("SELECT pg_reload_conf()")
    # Its ANALYZE is over in a moment; only the VACUUM holds its lock for long.
    running = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'autovacuum: VACUUM%blog.posts%'"
    assert wait_until(lambda: bool(stack.postgres.execute(running)), 60)

    posts.sql("002_wide", "ALTER TABLE blog.posts ADD COLUMN words integer")
    posts.up("blog")

    assert any("(autovacuum)" in line for line in posts.reported)
    stack.postgres.execute("ALTER SYSTEM RESET autovacuum_naptime")
    stack.postgres.execute("SELECT pg_reload_conf()")


@pytest.mark.pgbouncer
def test_a_pooled_address_is_refused_with_the_variable_to_set(workshop, stack):
    pooled = stack.environment()["BLOG_DATABASE_URL"]
    database = replace(workshop.settings.databases["blog"], direct_url=pooled)
    settings = replace(workshop.settings, databases={**workshop.settings.databases, "blog": database})
    with (
        pytest.raises(MigrationError, match=r"reached through a pooler, .*\. Set BLOG_DIRECT_URL"),
        connected(settings, "blog", print),
    ):
        pass
