"""The `flask migrate` commands."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.config import DATABASE_NAMES, ConfigurationError
from blog_app.data import databases
from blog_app.data.databases import identity
from blog_app.operations.deploy import backups
from blog_app.operations.migrate import files


@pytest.fixture
def run(settings, workshop, monkeypatch):
    """Run a command on the test's own folder of migrations; return its exit code and what it printed."""
    monkeypatch.setattr(files, "FOLDER", workshop.folder)
    app: Flask = create_app(settings)

    def invoke(*arguments: str, typed: str | None = None) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["migrate", *arguments], input=typed)
        return result.exit_code, result.output

    return invoke


def test_up_is_the_default_and_prints_what_it_applied(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    code, output = run("--database", "blog")
    assert (code, output.splitlines()) == (0, ["blog: apply 001_a", "blog: 1 applied"])
    assert run("up", "--database", "blog", "--database", "shop")[1].splitlines() == [
        "blog: nothing to do",
        "shop: nothing to do",
    ]


def test_up_says_that_a_database_is_ahead_of_the_code(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    workshop.sql("002_b", "CREATE TABLE blog.b ()", "DROP TABLE blog.b")
    run("up", "--database", "blog")
    (workshop.folder / "blog" / "002_b.py").unlink()
    code, output = run("up", "--database", "blog")
    assert code == 0
    assert "blog: the database is ahead of this code, which has no such migration: 002_b is applied\n" in output


def test_status_fails_while_something_is_pending(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    code, output = run("status", "--database", "blog")
    assert code == 1
    assert "001_a" in output
    assert "pending" in output
    run("up", "--database", "blog")
    assert run("status", "--database", "blog")[0] == 0


def test_a_failure_ends_with_a_message_and_a_code(run, workshop):
    workshop.sql("001_a", "SELECT 1/0", "SELECT 1")
    code, output = run()
    assert code == 1
    assert output.splitlines()[-3:] == [
        "Error: blog failed: 001_a: SELECT 1/0: division by zero",
        "  done in accounts: nothing to do",
        f"  not started: {', '.join(DATABASE_NAMES[2:])}",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--database", "bolg"), f"'bolg' is not one of {', '.join(map(repr, DATABASE_NAMES))}"),
        (("up", "--to", "009"), "--to requires one --database"),
        (("up", "--to", "009", "--database", "blog"), "blog has no migration '009'. Migrations: 001_a"),
        (("down",), "Give one --database"),
        (("dwon",), "No such command 'dwon'"),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_the_known_names(arguments, message, run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    code, output = run(*arguments)
    assert code != 0
    assert message in output
    assert workshop.tables() == []


def test_redo_rolls_back_and_applies_the_last_one(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    run("--database", "blog")
    assert run("redo", "--database", "blog")[1].splitlines() == [
        "blog: roll back 001_a",
        "blog: apply 001_a",
        "blog: 1 rolled back and applied again",
    ]


def test_plan_and_lint_name_dangers_and_change_nothing(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    assert run("plan")[0] == 0
    workshop.sql("002_b", "TRUNCATE blog.b", "SELECT 1")
    code, output = run("plan")
    assert code == 1
    assert "truncate: DANGER: TRUNCATE deletes all rows" in output
    code, output = run("lint")
    assert code == 1
    assert "002_b: truncate" in output
    assert workshop.tables() == []


def test_create_writes_a_file_and_prints_its_path(run, workshop):
    code, output = run("create", "Add a slug", "--database", "blog")
    assert (code, output) == (0, f"created: {os.path.relpath(workshop.folder / 'blog' / '001_add_a_slug.py')}\n")
    assert [item.name for item in files.read("blog", workshop.folder)] == ["001_add_a_slug"]


def test_status_shows_the_steps_of_a_migration_that_stopped_half_way(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    body = 'migrator.sql("ALTER TABLE blog.a ADD b integer")\nmigrator.sql("SELECT 1/0")'
    workshop.write("002_b", body, 'migrator.sql("ALTER TABLE blog.a DROP b")', head="atomic = False")
    run("--database", "blog")
    assert "    ALTER TABLE blog.a ADD b integer: done, 20" in run("status", "--database", "blog")[1]
    assert (
        "started by an earlier run: ALTER TABLE blog.a ADD b integer: done, 20" in run("plan", "--database", "blog")[1]
    )


def test_backfills_may_be_skipped_and_run_later(run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a (id uuid PRIMARY KEY, b integer)", "DROP TABLE blog.a")
    workshop.write("002_fill", 'migrator.backfill("a", "b = 1")', head="atomic = False")
    workshop.sql("003_c", "CREATE TABLE blog.c ()", "DROP TABLE blog.c")

    assert run("up", "--without-backfills", "--database", "blog")[1].splitlines() == [
        "blog: apply 001_a",
        "blog: next is a backfill. Run flask migrate backfill --database blog",
        "blog: 1 applied",
    ]
    assert "blog: 1 applied" in run("backfill", "--database", "blog")[1]
    assert "blog: nothing to do" in run("backfill", "--database", "blog")[1]
    assert workshop.tables() == ["a"]
    assert "blog: apply 003_c" in run("up", "--database", "blog")[1]


@pytest.fixture
def production(run, workshop, monkeypatch):
    """A database of production with three posts, by three migrations."""
    workshop.sql(
        "001_a", "CREATE TABLE blog.posts (id int); CREATE TABLE blog.tags (id int)", "DROP TABLE blog.posts, blog.tags"
    )
    workshop.sql("002_b", "ALTER TABLE blog.posts ADD words int", "ALTER TABLE blog.posts DROP words")
    workshop.sql("003_c", "COMMENT ON TABLE blog.posts IS 'x'", "COMMENT ON TABLE blog.posts IS NULL")
    run("--database", "blog")
    workshop.query("INSERT INTO blog.posts VALUES (1), (2), (3)")
    monkeypatch.setattr("blog_app.config.Settings.production", True)
    return run


def test_a_rollback_that_loses_data_of_production_needs_yes_without_a_terminal(production, workshop):
    code, output = production("down", "--all")
    assert code == 2
    assert "blog would lose: table posts (3 rows), table tags (0 rows)" in output
    assert "add --yes" in output
    assert "blog would lose: column posts.words (3 rows)" in production("down", "--steps", "2", "--database", "blog")[1]
    assert workshop.tables() == ["posts", "tags"]
    assert production("down", "--database", "blog")[0] == 0, "nothing is lost"
    assert production("redo", "--database", "blog")[0] == 2


@pytest.mark.parametrize(("answer", "code", "left"), [("n", 130, ["posts", "tags"]), ("y", 0, [])])
def test_a_rollback_in_production_asks_at_a_terminal(answer, code, left, production, workshop, monkeypatch):
    monkeypatch.setattr("blog_app.cli.migrate.has_terminal", lambda: True)
    assert production("down", "--to", "zero", "--database", "blog", typed=answer)[0] == code
    assert workshop.tables() == left


def test_a_rollback_in_production_backs_up_first(production, settings, workshop, tmp_path, monkeypatch):
    monkeypatch.setattr("blog_app.cli.migrate.settings", lambda: replace(settings, backup_dir=tmp_path / "backups"))
    code, output = production("down", "--all", "--yes")
    (backup,) = (tmp_path / "backups").iterdir()
    assert (code, workshop.tables()) == (0, [])
    assert f"blog: backed up to {backup}" in output
    assert backups.name_of(backup) == "blog"


BROKEN = {
    b"def migrate(:": "003_broken.py cannot be loaded: SyntaxError: invalid syntax",
    b"import nothing_such": "003_broken.py cannot be loaded: ModuleNotFoundError: No module named 'nothing_such'",
    b"x = '\xff'": "003_broken.py cannot be loaded: SyntaxError: (unicode error) 'utf-8' codec",
    b"raise SystemExit(3)": "003_broken.py cannot be loaded: SystemExit: 3",
    b"x = 1": "003_broken.py has no function migrate(migrator, database, *, fake=False)",
}


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_named_by_every_command_that_reads_it(content, run, workshop):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    (workshop.folder / "blog" / "003_broken.py").write_bytes(content)
    for command in ("up", "plan", "lint"):
        code, output = run(command, "--database", "blog")
        assert code == 1
        assert BROKEN[content] in output
    assert workshop.tables() == []


@pytest.mark.parametrize("command", ["up", "plan", "status", "check"])
def test_an_unreachable_database_is_reported_in_one_line(command, settings, workshop, monkeypatch):
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    monkeypatch.setattr(files, "FOLDER", workshop.folder)
    nowhere = replace(settings.databases["blog"], direct_url="postgresql://nobody@127.0.0.1:1/none")
    app = create_app(replace(settings, databases={**settings.databases, "blog": nowhere}))
    result = app.test_cli_runner().invoke(args=["migrate", command, "--database", "blog"])
    assert result.exit_code == 1
    assert "cannot connect to blog: connection to server" in result.output
    assert "Traceback" not in result.output


def test_a_postgresql_that_is_too_old_is_named_with_the_version_that_is_needed(run, settings, workshop, monkeypatch):
    monkeypatch.setattr(identity, "MIN_VERSION", 99)
    workshop.sql("001_a", "CREATE TABLE blog.a ()", "DROP TABLE blog.a")
    for command in ("up", "plan"):
        code, output = run(command, "--database", "blog")
        assert (code, "this app needs 99 or newer" in output) == (1, True)
        assert "blog is on PostgreSQL 1" in output
    with pytest.raises(ConfigurationError, match="this app needs 99"):
        databases.wait_until_available(settings)
