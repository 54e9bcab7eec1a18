"""Migrations that run step by step: concurrent indexes, validated constraints, interruptions."""

from __future__ import annotations

import signal
import sys
import textwrap
from collections.abc import Sequence

import psycopg2
import pytest

from blog_app.development.local.process import wait_until
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.connection import connected
from blog_app.operations.migrate.plan import LintGuard
from tests.helpers.programs import SECONDS, Program

STEPS = "atomic = False"
CONSTRAINTS = """
SELECT conname, convalidated FROM pg_constraint
WHERE conrelid = 'blog.posts'::regclass AND contype IN ('c', 'f') ORDER BY 1
"""
IS_REQUIRED = "SELECT attnotnull FROM pg_attribute WHERE attrelid = 'blog.posts'::regclass AND attname = %s"
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = 'blog.posts'::regclass AND attnum > 0 AND NOT attisdropped"
INDEX_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


@pytest.fixture
def posts(workshop):
    """A table of 2,000 posts."""
    workshop.sql("001_posts", "CREATE TABLE blog.posts (id integer PRIMARY KEY, title text, words integer)")
    workshop.up("blog")
    workshop.query("INSERT INTO blog.posts SELECT i, 'title ' || i FROM generate_series(1, 2000) AS i")
    return workshop


def test_an_index_is_built_and_dropped_concurrently(posts):
    posts.write(
        "002_index",
        'migrator.add_index_concurrently("posts", "lower(title)", "id", where="words > 0", name="posts_lower")',
        'migrator.drop_index_concurrently("posts_lower")',
        head=STEPS,
    )
    posts.up("blog")
    assert posts.query("SELECT indexdef FROM pg_indexes WHERE indexname = 'posts_lower'") == [
        ("CREATE INDEX posts_lower ON blog.posts USING btree (lower(title), id) WHERE (words > 0)",)
    ]
    posts.down("blog")
    assert posts.query(INDEX_IS_VALID, ("blog.posts_lower",)) == []


def test_steps_need_a_migration_that_is_not_atomic(posts):
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title")')
    with pytest.raises(MigrationError, match="Write atomic = False at the top of the file"):
        posts.up("blog")


def test_an_invalid_index_of_an_earlier_build_is_dropped_and_built_again(posts):
    with connected(posts.settings, "blog", print) as connection:
        posts.query("INSERT INTO blog.posts VALUES (0, 'title 1')")
        with pytest.raises(Exception, match="duplicated"):
            connection.execute_sql("CREATE UNIQUE INDEX CONCURRENTLY posts_title ON blog.posts (title)")
    assert posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == [(False,)]
    posts.query("DELETE FROM blog.posts WHERE id = 0")

    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title", unique=True)', head=STEPS)
    posts.up("blog")
    assert posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == [(True,)]


def test_a_unique_index_that_cannot_be_built_leaves_nothing_behind(posts):
    posts.query("INSERT INTO blog.posts VALUES (0, 'title 1')")
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title", unique=True)', head=STEPS)
    with pytest.raises(MigrationError, match="002_index: could not create unique index"):
        posts.up("blog")
    assert posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == []


def test_set_not_null_uses_a_validated_check(posts):
    posts.write("002_required", 'migrator.set_not_null("posts", "title")', head=STEPS)
    posts.up("blog")
    assert posts.query(IS_REQUIRED, ("title",)) == [(True,)]
    assert posts.query(CONSTRAINTS) == []


def test_set_not_null_on_a_column_with_nulls_is_refused(posts):
    posts.write("002_required", 'migrator.set_not_null("posts", "words")', head=STEPS)
    with pytest.raises(MigrationError, match=r'rows of "blog"."posts" violate .*backfill'):
        posts.up("blog")
    posts.query("INSERT INTO blog.posts VALUES (3000)")  # Still allowed.


def test_checks_and_foreign_keys_are_added_and_validated(posts):
    posts.sql("002_words", "CREATE TABLE blog.words (id integer PRIMARY KEY)")
    posts.write(
        "003_constraints",
        """
        migrator.add_check("posts", "posts_title_is_short", "length(title) < 100 AND title NOT LIKE '%x%'")
        migrator.add_foreign_key("posts", "words", "words", on_delete="SET NULL")
        """,
        head=STEPS,
    )
    posts.up("blog")
    assert posts.query(CONSTRAINTS) == [("posts_title_is_short", True), ("posts_words_fkey", True)]


def test_a_migration_that_failed_half_way_resumes_with_the_failed_step(posts):
    posts.sql("002_log", "CREATE TABLE blog.log (step integer)")
    body = """
        migrator.sql("INSERT INTO blog.log VALUES (1)")
        migrator.sql("INSERT INTO blog.log SELECT 2 / count(*) FROM blog.posts WHERE id > 2000")
        migrator.sql("INSERT INTO blog.log VALUES (3)")
        """
    posts.write("003_steps", body, head=STEPS)
    with pytest.raises(MigrationError, match="division by zero"):
        posts.up("blog")
    posts.query("INSERT INTO blog.posts VALUES (2001)")

    assert posts.up("blog") == {"blog": ["003_steps"]}
    assert posts.query("SELECT step FROM blog.log ORDER BY 1") == [(1,), (2,), (3,)]
    assert posts.query("SELECT count(*) FROM blog.migration_steps") == [(0,)]


def test_a_file_that_was_changed_after_it_had_started_is_refused_and_can_be_rolled_back(posts):
    posts.sql("002_log", "CREATE TABLE blog.log (step integer)")
    posts.write("003_steps", 'migrator.sql("INSERT INTO blog.log VALUES (1)")\nmigrator.sql("SELECT 1/0")', head=STEPS)
    with pytest.raises(MigrationError, match="division by zero"):
        posts.up("blog")
    two = 'migrator.sql("INSERT INTO blog.log VALUES (2)")'
    posts.write("003_steps", two, 'migrator.sql("DELETE FROM blog.log")', head=STEPS)
    with pytest.raises(MigrationError, match="was changed after it had started"):
        posts.up("blog")

    posts.down("blog")
    assert posts.up("blog") == {"blog": ["003_steps"]}
    assert posts.query("SELECT step FROM blog.log") == [(2,)]


RUN = """
import sys
from pathlib import Path
from blog_app.config import Settings
from blog_app.operations.migrate import all_databases, signals
settings = Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": sys.argv[1]})
with signals.handle_signals():
    all_databases.run(
        settings, sys.argv[3:], lambda runner: runner.up(), lambda line: print(line, flush=True), Path(sys.argv[2])
    )
"""


def start(workshop, prelude: str = "", names: Sequence[str] = ("blog",)) -> Program:
    """Run `up` in a process of its own."""
    url = workshop.settings.databases["blog"].url
    return Program(sys.executable, "-c", prelude + textwrap.dedent(RUN), url, str(workshop.folder), *names)


def activity(workshop, pattern: str) -> bool:
    sql = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND state = 'active' AND pid <> pg_backend_pid()"
    return bool(workshop.query(sql, (pattern,), database="shop"))


def test_the_next_run_finishes_an_index_whose_build_was_killed(posts):
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title")', head=STEPS)
    with psycopg2.connect(posts.settings.databases["blog"].url) as holder, holder.cursor() as cursor:
        cursor.execute("INSERT INTO blog.posts VALUES (0)")  # The build waits for this transaction.
        with start(posts) as first:
            assert wait_until(lambda: activity(posts, "CREATE INDEX CONCURRENTLY%"), SECONDS), first.said
            first.end(signal.SIGKILL)
        # The server would go on alone: its side is ended too, as if the machine had gone.
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%%'"
        posts.query(end, database="shop")
        assert wait_until(lambda: posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == [(False,)], SECONDS)
    holder.close()

    assert posts.up("blog") == {"blog": ["002_index"]}
    assert posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == [(True,)]


def test_two_concurrent_runs_apply_everything_once_even_while_an_index_waits(posts):
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title")', head=STEPS)
    posts.sql("003_log", "CREATE TABLE blog.log ()")
    holder = psycopg2.connect(posts.settings.databases["blog"].url)
    holder.cursor().execute("INSERT INTO blog.posts VALUES (0)")
    with start(posts) as first:
        assert wait_until(lambda: activity(posts, "CREATE INDEX CONCURRENTLY%"), SECONDS), first.said
        with start(posts) as second:
            second.until("blog: waiting for another run to finish (pid ")
            holder.close()
            assert [first.wait(), second.wait()] == [0, 0]
            assert "apply" not in second.said
    assert posts.query("SELECT name FROM blog.migrations ORDER BY id") == [("001_posts",), ("002_index",), ("003_log",)]


def test_expand_and_contract_rename_a_column_while_both_names_are_written(posts):
    posts.write(
        "002_expand",
        'migrator.expand_rename("posts", "title", "headline", "text")',
        'migrator.undo_expand("posts", "title", "headline")',
    )
    posts.write("003_fill", 'migrator.backfill("posts", "headline = title", where="headline IS NULL")', head=STEPS)
    posts.write("004_contract", 'migrator.contract_rename("posts", "title", "headline")', head=STEPS)
    posts.up("blog", to="002")
    posts.query("INSERT INTO blog.posts (id, title) VALUES (3001, 'old')")
    posts.query("INSERT INTO blog.posts (id, headline) VALUES (3002, 'new')")
    posts.query("UPDATE blog.posts SET headline = 'changed' WHERE id = 3001")
    posts.query("UPDATE blog.posts SET title = 'changed too' WHERE id = 3002")
    both = "SELECT title, headline FROM blog.posts WHERE id > 3000 ORDER BY id"
    assert posts.query(both) == [("changed", "changed"), ("changed too", "changed too")]

    posts.up("blog")
    assert posts.query("SELECT headline FROM blog.posts WHERE id = 7") == [("title 7",)]
    assert posts.query(COLUMNS) == [("id",), ("words",), ("headline",)]
    assert posts.query("SELECT 1 FROM pg_trigger WHERE tgrelid = 'blog.posts'::regclass AND NOT tgisinternal") == []


def test_expand_and_contract_change_a_type_under_the_same_name(posts):
    posts.query("UPDATE blog.posts SET words = id")
    posts.write(
        "002_expand",
        'migrator.expand_type("posts", "words", "bigint", forward="NEW.words", backward="NEW.words__new::int")',
        'migrator.undo_expand("posts", "words")',
    )
    posts.write("003_fill", 'migrator.backfill("posts", "words__new = words", where="words__new IS NULL")', head=STEPS)
    posts.write("004_contract", 'migrator.contract_type("posts", "words", default="0")', head=STEPS)
    posts.up("blog", to="002")
    posts.down("blog")
    posts.up("blog")
    assert posts.query("SELECT sum(words), pg_typeof(min(words))::text FROM blog.posts") == [(2001000, "bigint")]


def test_contract_does_not_drop_a_column_that_was_not_backfilled(posts):
    posts.write("002_expand", 'migrator.expand_rename("posts", "title", "headline", "text")')
    posts.write("003_contract", 'migrator.contract_rename("posts", "title", "headline")', head=STEPS)
    with pytest.raises(MigrationError, match=r'rows of "blog"\."posts" violate .*backfill'):
        posts.up("blog")
    assert posts.query(COLUMNS) == [("id",), ("title",), ("words",), ("headline",)]
    posts.query("INSERT INTO blog.posts VALUES (3000)")


def test_a_lost_connection_is_reported_and_the_next_run_finishes(posts):
    posts.write(
        "002_away",
        """
        migrator.sql("CREATE TABLE blog.log ()")
        if not database.table_exists("away", "blog"):
            migrator.sql("SELECT pg_terminate_backend(pg_backend_pid())")
        """,
        head=STEPS,
    )
    with pytest.raises(MigrationError, match=r"blog failed: 002_away: .*the connection to blog was lost"):
        posts.up("blog")
    posts.query("CREATE TABLE blog.away ()")
    assert posts.up("blog") == {"blog": ["002_away"]}


def test_a_write_outside_of_steps_is_refused_because_it_would_be_repeated(posts):
    body = """
        database.execute_sql("INSERT INTO blog.posts VALUES (0)")
        migrator.sql("SELECT 1/0")
        """
    posts.write("002_twice", body, head=STEPS)
    with pytest.raises(MigrationError, match=r"002_twice runs step by step and writes outside of its steps"):
        posts.up("blog")
    assert posts.query("SELECT count(*) FROM blog.posts WHERE id = 0") == [(0,)]


def test_python_code_and_the_record_that_it_is_done_are_one_transaction(posts):
    body = """
        def fill():
            database.execute_sql("INSERT INTO blog.posts VALUES (0)")
            database.execute_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        migrator.run(fill)
        """
    posts.write("002_fill", body, head=STEPS)
    with pytest.raises(MigrationError, match="the connection to blog was lost"):
        posts.up("blog")
    assert posts.query("SELECT count(*) FROM blog.posts WHERE id = 0") == [(0,)]


@pytest.mark.parametrize(
    "statement", ["INDEX posts_title ON blog.posts (words)", "INDEX posts_title ON blog.posts (title)"]
)
def test_an_existing_index_of_the_same_name_is_refused(statement, posts):
    posts.query(f"CREATE {statement}")
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title")', head=STEPS)
    with pytest.raises(MigrationError, match=r'posts_title".* already exists, and this migration did not create it'):
        posts.up("blog")


def test_an_index_that_was_built_before_the_run_was_killed_counts_as_done(posts):
    body = 'migrator.add_index_concurrently("posts", "title")', 'migrator.drop_index_concurrently("posts_title")'
    posts.write("002_index", *body, head=STEPS)
    posts.up("blog")
    posts.query("DELETE FROM blog.migrations WHERE name = '002_index'")
    posts.query(
        "INSERT INTO blog.migration_steps (migration, step, what, position) "
        "VALUES ('002_index', 1, 'create index \"blog\".\"posts_title\" concurrently', 'null')"
    )
    assert posts.run(lambda runner: runner.up(guard=LintGuard()), "blog") == {"blog": ["002_index"]}


def test_an_existing_constraint_of_the_same_name_is_refused(posts):
    posts.query("ALTER TABLE blog.posts ADD CONSTRAINT c CHECK (words > 5)")
    posts.write("002_check", 'migrator.add_check("posts", "c", "words > 0")', head=STEPS)
    with pytest.raises(MigrationError, match="already has a constraint c that this migration did not create"):
        posts.up("blog")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_cancels_the_statement_and_says_where_the_run_stopped(number, posts):
    posts.write("002_index", 'migrator.add_index_concurrently("posts", "title")', head=STEPS)
    posts.sql("001_a", "SELECT 1", database="accounts")
    with psycopg2.connect(posts.settings.databases["blog"].url) as holder, holder.cursor() as cursor:
        cursor.execute("INSERT INTO blog.posts VALUES (0)")  # The build waits for this transaction.
        with start(posts, names=("accounts", "blog", "shop")) as runner:
            assert wait_until(lambda: activity(posts, "CREATE INDEX CONCURRENTLY%"), SECONDS), runner.said
            runner.end(number)
            output = runner.said
        assert not activity(posts, "CREATE INDEX CONCURRENTLY%")
    holder.close()
    assert "Stopped: blog was stopped: 002_index; run it again to resume" in output
    assert output.splitlines()[-2:] == ["  done in accounts: 001_a", "  not started: shop"]
    assert posts.up("blog") == {"blog": ["002_index"]}
    assert posts.query(INDEX_IS_VALID, ("blog.posts_title",)) == [(True,)]
