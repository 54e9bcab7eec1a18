"""What cannot be moved is refused before anything changes, with every reason and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from blog_app.config import Settings
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import MigrationError, all_databases
from blog_app.operations.move import MoveError
from tests.operations.move.conftest import Removal


def refused(removal: Removal, **options: object) -> str:
    with pytest.raises(MoveError) as caught:
        removal.move(**options)
    assert removal.standings() == (None, None)
    assert removal.writes("source")
    return str(caught.value)


def test_the_place_where_it_is(removal: Removal) -> None:
    assert "leads to the database that it would leave" in refused(removal, to=removal.source)


def test_a_place_that_has_such_a_schema(removal: Removal) -> None:
    removal.query("target", "CREATE SCHEMA blog CREATE TABLE precious (id int)")
    assert "has a schema blog with 1 relations (precious" in refused(removal)
    assert removal.query("target", "SELECT count(*) FROM blog.precious") == [(0,)]


def test_tables_that_cannot_follow_are_named_all_at_once(removal: Removal, stack: Stack) -> None:
    removal.query(
        "source",
        "CREATE UNLOGGED TABLE blog.fast (id int PRIMARY KEY); CREATE TABLE blog.odd (data json); CREATE SCHEMA other;"
        "CREATE TABLE other.notes (post uuid REFERENCES blog.posts); CREATE VIEW other.titles AS TABLE blog.titles;"
        "ALTER TABLE blog.posts ENABLE ALWAYS TRIGGER trim_title; ALTER TABLE blog.comments FORCE ROW LEVEL SECURITY",
    )
    database = removal.source.rpartition("/")[2]
    stack.postgres.execute("CREATE TABLE blog.foreign_owner (id int PRIMARY KEY)", database=database)
    reasons = refused(removal)
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


def test_a_new_place_that_lacks_an_extension(removal: Removal, stack: Stack) -> None:
    old, new = (url.rpartition("/")[2] for url in (removal.source, removal.target))
    stack.postgres.execute("CREATE EXTENSION vector", database=old)
    try:
        removal.query("source", "CREATE TABLE blog.places (id int PRIMARY KEY, at vector(2))")
        assert 'CREATE EXTENSION "vector"' in refused(removal)
        stack.postgres.execute("CREATE EXTENSION vector", database=new)
        removal.move()
        removal.confirm()
    finally:
        for database in (old, new):
            stack.postgres.execute("DROP EXTENSION IF EXISTS vector CASCADE", database=database)


def test_a_new_server_that_lacks_roles_or_rights(removal: Removal, stack: Stack) -> None:
    url = removal.target.replace("blog_app:", "newcomer:")
    stack.postgres.execute(f"CREATE ROLE newcomer LOGIN PASSWORD '{stack.passwords.app}'")
    try:
        stack.postgres.execute(f"GRANT CREATE ON DATABASE {removal.target.rpartition('/')[2]} TO newcomer")
        reasons = refused(removal, to=url)
        assert "the new server refuses: permission denied to create subscription" in reasons
        assert 'GRANT pg_create_subscription TO "newcomer"' in reasons
        assert "--offline" in reasons
    finally:
        stack.postgres.execute("DROP OWNED BY newcomer", database=removal.target.rpartition("/")[2])
        stack.postgres.execute("DROP ROLE newcomer")


def test_a_pooler(removal: Removal, settings: Settings) -> None:
    with pytest.raises(MigrationError, match=r"reached through a pooler|unsupported startup parameter"):
        removal.move(to=settings.databases["blog"].url)


def test_an_address_at_which_nobody_answers(removal: Removal) -> None:
    with pytest.raises(Exception, match=r"cannot connect to blog"):
        removal.move(to="postgresql://blog_app:secret@127.0.0.1:1/blog")
    assert removal.standings() == (None, None)


def test_migrations_wait_for_the_end_of_a_move(removal: Removal, tmp_path: Path) -> None:
    def migrate(url: str, folder: Path | None = None) -> None:
        settings = Settings.from_environment({"APP_MODE": "test", "DATABASE_URL": url})
        all_databases.run(settings, ["blog"], lambda runner: runner.up(), print, folder)

    removal.follow.failing = 1
    with pytest.raises(RuntimeError):
        removal.move()
    (tmp_path / "blog").mkdir()
    migrate(removal.source, tmp_path)  # There is none, so a release need not wait.
    with pytest.raises(MigrationError, match=r"is being moved to .* so its schema cannot change\. Finish the move"):
        migrate(removal.source)
    with pytest.raises(MigrationError, match="blog is not here"):
        migrate(removal.target)
    removal.resume()
    with pytest.raises(MigrationError, match=r"is being moved to .* so its schema cannot change\. Finish the move"):
        migrate(removal.target)
    removal.confirm()
    with pytest.raises(
        MigrationError, match=r"blog is not here: it is being moved, or was moved, from .* Set BLOG_DATABASE_URL"
    ):
        migrate(removal.source)


def test_another_target_while_one_is_under_way(removal: Removal) -> None:
    removal.follow.failing = 1
    with pytest.raises(RuntimeError):
        removal.move()
    with pytest.raises(MoveError, match=r"is being moved to .* already"):
        removal.move(to="postgresql://elsewhere/blog")
    removal.abort()
    assert removal.standings() == (None, None)


def test_what_does_not_come_next(removal: Removal) -> None:
    for step in (removal.resume, removal.back, removal.confirm, removal.abort):
        with pytest.raises(MoveError, match=r"is not being moved: say where to"):
            step()
    removal.move()
    with pytest.raises(MoveError, match=r"has been switched"):
        removal.abort()
    removal.confirm()
