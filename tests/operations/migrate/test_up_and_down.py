"""The runner: up and down, with a test for each trap of peewee-migrate."""

from __future__ import annotations

import threading

import pytest

from blog_app.config import DATABASE_NAMES
from blog_app.operations.migrate import MigrationError, history
from blog_app.operations.migrate.connection import connected, run_lock
from blog_app.operations.migrate.plan import plan_pending
from tests.helpers.threads import TIMEOUT_SECONDS, BackgroundCall

CREATE_POSTS = """
@migrator.create_model
class Post(pw.Model):
    title = pw.CharField()
    class Meta:
        table_name = "posts"
        schema = "blog"
"""


def test_each_logical_database_has_its_own_history_in_its_own_schema(workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()")
    workshop.sql("001_a", "CREATE TABLE shop.a ()", database="shop")
    workshop.sql("002_b", "CREATE TABLE blog.b ()")

    workshop.up()

    assert workshop.query("SELECT name FROM blog.migrations ORDER BY id") == [("001_a",), ("002_b",)]
    assert workshop.query("SELECT name FROM shop.migrations ORDER BY id") == [("001_a",)]
    assert workshop.tables("shop") == ["a"]


def test_a_second_run_finds_nothing_to_do(workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()")
    assert workshop.up("blog") == {"blog": ["001_a"]}
    assert workshop.up("blog") == {"blog": []}


def test_numbers_order_the_files_whatever_their_width(workshop):
    workshop.sql("1000_last", "DROP TABLE blog.a")
    workshop.sql("999_first", "CREATE TABLE blog.a ()")
    assert workshop.up("blog") == {"blog": ["999_first", "1000_last"]}


def test_up_stops_after_the_given_migration_and_an_unknown_name_runs_nothing(workshop):
    for number in (1, 2, 3):
        workshop.sql(f"00{number}_t", f"CREATE TABLE blog.t{number} ()")
    with pytest.raises(MigrationError, match=r"no migration '2_x'\. Migrations: 001_t, 002_t, 003_t"):
        workshop.up("blog", to="2_x")
    assert workshop.tables() == []

    assert workshop.up("blog", to="002_t") == {"blog": ["001_t", "002_t"]}
    assert workshop.tables() == ["t1", "t2"]


def test_down_rolls_back_steps_down_to_a_name_or_everything(workshop):
    for number in (1, 2, 3, 4):
        workshop.sql(f"00{number}_t", f"CREATE TABLE blog.t{number} ()", f"DROP TABLE blog.t{number}")
    workshop.up("blog")

    assert workshop.down("blog") == {"blog": ["004_t"]}
    assert workshop.down("blog", to="2") == {"blog": ["003_t"]}
    assert workshop.down("blog", everything=True) == {"blog": ["002_t", "001_t"]}
    assert workshop.tables() == []


def test_a_failed_migration_leaves_nothing_behind(workshop):
    workshop.sql("001_good", "CREATE TABLE blog.good ()")
    workshop.write("002_bad", 'migrator.sql("CREATE TABLE blog.bad ()")\nmigrator.sql("SELECT 1/0")')
    workshop.sql("003_later", "CREATE TABLE blog.later ()")
    workshop.sql("001_shop", "CREATE TABLE shop.goods ()", database="shop")
    workshop.sql("001_user", "CREATE TABLE accounts.users ()", database="accounts")

    with pytest.raises(MigrationError) as failure:
        workshop.up()

    assert str(failure.value).splitlines() == [
        "blog failed: 002_bad: SELECT 1/0: division by zero",
        "  done in accounts: 001_user",
        "  done in blog: 001_good",
        f"  not started: {', '.join(DATABASE_NAMES[2:])}",
    ]
    assert workshop.tables() == ["good"]


def test_changes_and_indexes_are_qualified_with_the_schema(workshop):
    workshop.write("001_posts", CREATE_POSTS)
    workshop.write(
        "002_more",
        """
        migrator.add_fields("posts", words=pw.IntegerField(null=True))
        migrator.add_index("posts", "title", "words", unique=True)
        migrator.change_fields("posts", title=pw.TextField())
        migrator.rename_field("posts", "words", "length")
        migrator.add_constraint("posts", "length_is_positive", "CHECK (length > 0)")
        """,
        """
        migrator.drop_constraints("posts", "length_is_positive")
        migrator.rename_field("posts", "length", "words")
        migrator.drop_index("posts", "title", "words")
        migrator.remove_fields("posts", "words")
        migrator.change_fields("posts", title=pw.CharField())
        """,
    )
    workshop.up("blog")
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'blog' AND indexname = 'posts_title_words'"
    assert "UNIQUE" in workshop.query(indexes)[0][0]

    workshop.down("blog")
    columns = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'posts' ORDER BY 1"
    assert workshop.query(columns) == [("id", "integer"), ("title", "character varying")]


def test_a_model_without_a_schema_is_refused(workshop):
    workshop.write("001_posts", CREATE_POSTS.replace('schema = "blog"', "pass"))
    with pytest.raises(MigrationError, match='set schema = "blog" in its Meta'):
        workshop.up("blog")


def test_a_table_that_exists_already_is_an_error(workshop):
    workshop.sql("001_posts", "CREATE TABLE blog.posts ()")
    workshop.write("002_posts", CREATE_POSTS)
    with pytest.raises(MigrationError, match='relation "posts" already exists'):
        workshop.up("blog")


def test_applied_files_are_replayed_without_sending_anything(workshop):
    workshop.write("001_posts", CREATE_POSTS + "database.execute_sql('SELECT 1/0') if fake else None")
    workshop.up("blog")
    workshop.write("002_more", 'migrator.add_fields("posts", words=pw.IntegerField(null=True))')
    assert workshop.up("blog") == {"blog": ["002_more"]}


def test_a_replay_does_not_repeat_what_a_migration_did_by_its_models(workshop):
    workshop.write("001_posts", CREATE_POSTS)
    workshop.write("002_first", 'migrator.orm["posts"].create(title="first")\nlist(migrator.orm["posts"].select())')
    workshop.up("blog")
    workshop.write("003_more", 'migrator.add_fields("posts", words=pw.IntegerField(null=True))', "migrator.run(print)")
    (planned,) = plan_pending(workshop.settings, "blog", workshop.folder)
    assert len(planned.preview.statements) == 1
    workshop.up("blog")
    workshop.down("blog")
    assert workshop.query("SELECT title FROM blog.posts") == [("first",)]


def test_two_files_with_the_same_number_are_refused_with_a_way_out(workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()")
    workshop.sql("002_mine", "CREATE TABLE blog.b ()")
    workshop.up("blog")
    workshop.sql("002_theirs", "CREATE TABLE blog.c ()")
    with pytest.raises(MigrationError) as failure:
        workshop.up("blog")
    assert "002_mine (applied), 002_theirs (not applied)" in str(failure.value)
    assert "002_theirs.py to 003_theirs" in str(failure.value)


def test_a_misnamed_file_is_refused_not_ignored(workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()").rename(workshop.folder / "blog" / "first.py")
    with pytest.raises(MigrationError, match=r"first\.py is not a migration"):
        workshop.up("blog")


def test_a_migration_without_a_file_or_a_rollback_cannot_be_rolled_back(workshop):
    path = workshop.sql("001_a", "CREATE TABLE blog.a ()")
    workshop.up("blog")
    path.write_text("def migrate(migrator, database, *, fake=False): pass")
    with pytest.raises(MigrationError, match="has no function rollback"):
        workshop.down("blog")
    path.unlink()
    with pytest.raises(MigrationError, match="its file is missing"):
        workshop.down("blog")


def test_a_second_run_waits_names_the_first_and_reads_the_history_again(workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()")
    waiting = threading.Event()
    workshop.report = lambda line: waiting.set() if "waiting for another run" in line else None
    with connected(workshop.settings, "blog", print) as first, run_lock(first):
        second = BackgroundCall(workshop.up, "blog")
        assert waiting.wait(TIMEOUT_SECONDS)
        history.ensure(first, "blog")
        history.add(first, "blog", "001_a")
    assert second.result() == {"blog": []}
