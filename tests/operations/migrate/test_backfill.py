"""Backfills: adaptive batches, resumed after any interruption, each row updated once."""

from __future__ import annotations

import signal

import psycopg2
import pytest

from blog_app.development.local.process import wait_until
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.steps import backfill
from blog_app.operations.migrate.steps.backfill import next_size
from tests.helpers.programs import SECONDS
from tests.helpers.threads import BackgroundCall
from tests.operations.migrate.test_steps import start

STEPS = "atomic = False"
ROWS = 20_000
COUNT_EACH_UPDATE = """
CREATE FUNCTION blog.counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.updates := OLD.updates + 1; RETURN NEW; END $$;
CREATE TRIGGER counted BEFORE UPDATE ON blog.posts FOR EACH ROW EXECUTE FUNCTION blog.counted()
"""
SUMMARY = "SELECT count(*) FILTER (WHERE words = 7), max(updates) FROM blog.posts"


@pytest.fixture
def posts(workshop):
    """A table of 20,000 posts that counts the updates of each, and a migration that fills a column."""
    columns = "id uuid PRIMARY KEY, title text, words integer, updates integer DEFAULT 0"
    workshop.sql("001_posts", f"CREATE TABLE blog.posts ({columns})")
    workshop.up("blog")
    workshop.query(f"INSERT INTO blog.posts SELECT gen_random_uuid(), 'a title' FROM generate_series(1, {ROWS})")
    workshop.query(COUNT_EACH_UPDATE)
    workshop.write(
        "002_fill", """migrator.backfill("posts", "words = length(title)", where="words IS NULL")""", head=STEPS
    )
    return workshop


def done(posts) -> int:
    rows = posts.query("SELECT rows FROM blog.migration_steps WHERE migration = '002_fill'", database="shop")
    return rows[0][0] if rows else 0


def test_every_row_is_updated_once(posts):
    assert posts.up("blog") == {"blog": ["002_fill"]}
    assert posts.query(SUMMARY) == [(ROWS, 1)]
    assert posts.query("SELECT count(*) FROM blog.migration_steps") == [(0,)]


def test_rows_are_added_for_those_of_another_table_and_existing_ones_stay(posts, monkeypatch):
    monkeypatch.setattr(backfill, "FIRST_SIZE", 100)
    posts.query("CREATE TABLE blog.counters (post_id uuid PRIMARY KEY, views integer DEFAULT 0)")
    posts.query("INSERT INTO blog.counters SELECT id, 7 FROM blog.posts LIMIT 10")
    posts.write("002_fill", """migrator.add_rows("counters", "post_id", source="posts", values="id")""", head=STEPS)
    posts.up("blog")
    assert posts.query("SELECT count(*), sum(views) FROM blog.counters") == [(ROWS, 70)]
    assert posts.query(SUMMARY) == [(0, 0)]


def test_a_backfill_that_was_killed_resumes_after_the_last_batch(posts, monkeypatch):
    posts.query("ALTER TABLE blog.posts ADD CHECK (pg_sleep(0.0005) IS NOT NULL) NOT VALID")
    with start(posts) as runner:
        assert wait_until(lambda: done(posts) > 1000, SECONDS), runner.said
        runner.end(signal.SIGKILL)
    before = done(posts)
    assert 0 < before < ROWS
    posts.query("ALTER TABLE blog.posts DROP CONSTRAINT posts_check")

    posts.up("blog")

    assert posts.query(SUMMARY) == [(ROWS, 1)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_after_the_batch_and_says_how_to_resume(number, posts):
    posts.query("ALTER TABLE blog.posts ADD CHECK (pg_sleep(0.0005) IS NOT NULL) NOT VALID")
    with start(posts) as runner:
        assert wait_until(lambda: done(posts) > 0, SECONDS), runner.said
        runner.end(number)
        assert "run it again to resume" in runner.said
    assert posts.query("SELECT count(*) FROM blog.posts WHERE words = 7", database="shop") == [(done(posts),)]


def test_a_backfill_waits_for_a_locked_row_without_blocking_others(posts, monkeypatch):
    monkeypatch.setattr("blog_app.operations.migrate.lock_retry.MIN_BACKOFF", 0.1)
    with psycopg2.connect(posts.settings.databases["blog"].url) as holder, holder.cursor() as cursor:
        cursor.execute("UPDATE blog.posts SET title = 'held' WHERE id = (SELECT max(id::text)::uuid FROM blog.posts)")
        runner = BackgroundCall(posts.up, "blog")
        assert wait_until(lambda: any("lock timeout; blocked by pid" in line for line in posts.reported), SECONDS)
        rows = posts.query("SELECT count(*) FROM blog.posts WHERE words IS NULL", database="shop")
        assert 0 < rows[0][0] < ROWS
    holder.close()
    runner.result()
    assert posts.query("SELECT count(*) FROM blog.posts WHERE words IS NULL") == [(0,)]


def test_a_backfill_resumes_after_the_connection_was_lost(posts):
    posts.query("ALTER TABLE blog.posts ADD CHECK (pg_sleep(0.0005) IS NOT NULL) NOT VALID")
    runner = BackgroundCall(posts.up, "blog")
    assert wait_until(lambda: done(posts) > 0, SECONDS)
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'blog_app migrate blog'"
    posts.query(end, database="shop")
    with pytest.raises(MigrationError, match="the connection to blog was lost"):
        runner.result()
    posts.query("ALTER TABLE blog.posts DROP CONSTRAINT posts_check")
    posts.up("blog")
    assert posts.query(SUMMARY) == [(ROWS, 1)]


def test_composite_keys_and_percent_signs_work(workshop):
    workshop.sql("001_pairs", "CREATE TABLE blog.pairs (a integer, b text, c text, PRIMARY KEY (a, b))")
    workshop.up("blog")
    workshop.query(
        "INSERT INTO blog.pairs SELECT i % 7, 'b' || i FROM generate_series(1, 3000) AS i".replace("%", "%%")
    )
    body = """migrator.backfill("pairs", "c = '100 %' || b", where="b LIKE 'b%'")"""
    workshop.write("002_fill", body, head=STEPS)
    workshop.up("blog")
    assert workshop.query("SELECT count(*) FROM blog.pairs WHERE c = '100 %%' || b") == [(3000,)]


def test_a_table_without_a_primary_key_is_refused(workshop):
    workshop.sql("001_log", "CREATE TABLE blog.log (a integer)")
    workshop.write("002_fill", 'migrator.backfill("log", "a = 1")', head=STEPS)
    with pytest.raises(MigrationError, match="has no primary key"):
        workshop.up("blog")


def test_the_batch_size_follows_the_time_of_the_last_batch():
    assert next_size(1000, backfill.BATCH_SECONDS) == 1000
    assert next_size(1000, backfill.BATCH_SECONDS * 4) == 500
    assert next_size(1000, 0.0001) == 2000
    assert next_size(backfill.MAX_SIZE, 0.0001) == backfill.MAX_SIZE
    assert next_size(backfill.MIN_SIZE, 9) == backfill.MIN_SIZE


def test_progress_is_printed_without_a_terminal_too(posts, monkeypatch):
    monkeypatch.setattr("blog_app.operations.progress_bar.LINE_INTERVAL", 0)
    code = "import blog_app.operations.progress_bar as p; p.LINE_INTERVAL = 0\n"
    with start(posts, prelude=code) as runner:
        runner.wait()
        assert "of about 20,000 rows, about" in runner.said.replace("\n", " ")


def test_a_batch_that_times_out_is_retried_with_fewer_rows(workshop, monkeypatch):
    monkeypatch.setattr("blog_app.operations.migrate.lock_retry.STATEMENT_TIMEOUT", 0.3)
    workshop.sql("001_slow", "CREATE TABLE blog.slow (id integer PRIMARY KEY, done integer DEFAULT 0)")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.slow SELECT generate_series(1, 60)")
    workshop.write(
        "002_fill", 'migrator.backfill("slow", "done = done + 1 + 0 * length(pg_sleep(0.01)::text)")', head=STEPS
    )
    workshop.up("blog")
    assert workshop.query("SELECT count(*), min(done), max(done) FROM blog.slow") == [(60, 1, 1)]
