"""A move that is not possible is refused before anything changes, with every reason and its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from blog_app.config import Settings
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import MigrationError, all_databases
from blog_app.operations.move import MoveError
from tests.operations.move.conftest import Scenario


def refused(scenario: Scenario, **options: object) -> str:
    with pytest.raises(MoveError) as caught:
        scenario.move(**options)
    assert scenario.standings() == (None, None)
    assert scenario.writes("source")
    return str(caught.value)


def test_the_same_database_as_target(scenario: Scenario) -> None:
    assert "names the database that it would leave" in refused(scenario, to=scenario.source)


def test_a_target_that_has_such_a_schema(scenario: Scenario) -> None:
    scenario.query("target", "CREATE SCHEMA blog CREATE TABLE precious (id int)")
    assert "has a schema blog with 1 relations (precious" in refused(scenario)
    assert scenario.query("target", "SELECT count(*) FROM blog.precious") == [(0,)]


def test_unsupported_tables_are_all_named(scenario: Scenario, stack: Stack) -> None:
    scenario.query(
        "source",
        "CREATE UNLOGGED TABLE blog.fast (id int PRIMARY KEY); CREATE TABLE blog.odd (data json); CREATE SCHEMA other;"
        "CREATE TABLE other.notes (post uuid REFERENCES blog.posts); CREATE VIEW other.titles AS TABLE blog.titles;"
        "ALTER TABLE blog.posts ENABLE ALWAYS TRIGGER trim_title; ALTER TABLE blog.comments FORCE ROW LEVEL SECURITY",
    )
    database = scenario.source.rpartition("/")[2]
    stack.postgres.execute("CREATE TABLE blog.foreign_owner (id int PRIMARY KEY)", database=database)
    reasons = refused(scenario)
    for reason in (
        "the role does not own foreign_owner",
        "fast is unlogged",
        "odd is without a key",
        "notes is tied to another schema by the foreign key",
        "titles is read by other.titles",
        "posts is the table of trigger trim_title",
        "comments is under FORCE ROW LEVEL SECURITY",
    ):
        assert reason in reasons


def test_a_new_place_that_lacks_an_extension(scenario: Scenario, stack: Stack) -> None:
    old, new = (url.rpartition("/")[2] for url in (scenario.source, scenario.target))
    stack.postgres.execute("CREATE EXTENSION vector", database=old)
    try:
        scenario.query("source", "CREATE TABLE blog.places (id int PRIMARY KEY, at vector(2))")
        assert 'CREATE EXTENSION "vector"' in refused(scenario)
        stack.postgres.execute("CREATE EXTENSION vector", database=new)
        scenario.move()
        scenario.confirm()
    finally:
        for database in (old, new):
            stack.postgres.execute("DROP EXTENSION IF EXISTS vector CASCADE", database=database)


def test_a_new_server_that_lacks_roles_or_rights(scenario: Scenario, stack: Stack) -> None:
    url = scenario.target.replace("blog_app:", "newcomer:")
    stack.postgres.execute(f"CREATE ROLE newcomer LOGIN PASSWORD '{stack.passwords.app}'")
    try:
        stack.postgres.execute(f"GRANT CREATE ON DATABASE {scenario.target.rpartition('/')[2]} TO newcomer")
        reasons = refused(scenario, to=url)
        assert "the target refuses: permission denied to create subscription" in reasons
        assert 'GRANT pg_create_subscription TO "newcomer"' in reasons
        assert "--offline" in reasons
    finally:
        stack.postgres.execute("DROP OWNED BY newcomer", database=scenario.target.rpartition("/")[2])
        stack.postgres.execute("DROP ROLE newcomer")


def test_a_pooler_as_target(scenario: Scenario, settings: Settings) -> None:
    with pytest.raises(MigrationError, match=r"reached through a pooler|unsupported startup parameter"):
        scenario.move(to=settings.databases["blog"].url)


def test_an_unreachable_target(scenario: Scenario) -> None:
    with pytest.raises(Exception, match=r"cannot connect to blog"):
        scenario.move(to="postgresql://blog_app:secret@127.0.0.1:1/blog")
    assert scenario.standings() == (None, None)


def test_migrations_wait_for_the_end_of_a_move(scenario: Scenario, tmp_path: Path) -> None:
    def migrate(url: str, folder: Path | None = None) -> None:
        settings = Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": url})
        all_databases.run(settings, ["blog"], lambda runner: runner.up(), print, folder)

    scenario.redirection.failures = 1
    with pytest.raises(RuntimeError):
        scenario.move()
    (tmp_path / "blog").mkdir()
    migrate(scenario.source, tmp_path)  # Nothing is pending, so a release need not wait.
    with pytest.raises(MigrationError, match=r"is being moved to .* so its schema cannot change\. Finish the move"):
        migrate(scenario.source)
    with pytest.raises(MigrationError, match="blog is not here"):
        migrate(scenario.target)
    scenario.resume()
    with pytest.raises(MigrationError, match=r"is being moved to .* so its schema cannot change\. Finish the move"):
        migrate(scenario.target)
    scenario.confirm()
    with pytest.raises(
        MigrationError, match=r"blog is not here: it is being moved, or was moved, from .* Set BLOG_DATABASE_URL"
    ):
        migrate(scenario.source)


def test_another_target_while_one_is_under_way(scenario: Scenario) -> None:
    scenario.redirection.failures = 1
    with pytest.raises(RuntimeError):
        scenario.move()
    with pytest.raises(MoveError, match=r"is being moved to .* already"):
        scenario.move(to="postgresql://elsewhere/blog")
    scenario.abort()
    assert scenario.standings() == (None, None)


def test_steps_in_the_wrong_order(scenario: Scenario) -> None:
    for step in (scenario.resume, scenario.back, scenario.confirm, scenario.abort):
        with pytest.raises(MoveError, match=r"is not being moved: name the target"):
            step()
    scenario.move()
    with pytest.raises(MoveError, match=r"has been switched"):
        scenario.abort()
    scenario.confirm()
