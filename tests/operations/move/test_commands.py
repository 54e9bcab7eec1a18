"""`flask databases`, as a person sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blog_app import create_app
from blog_app.config import Settings
from blog_app.development.local.stack import Stack
from blog_app.operations.migrate import history
from blog_app.operations.migrate.connection import connected
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.opening import opened
from tests.helpers.threads import BackgroundCall
from tests.operations.move.conftest import Follow, Removal
from tests.operations.move.test_move import LEFT_OVER


@pytest.fixture
def run(removal: Removal) -> Callable[..., tuple[int, str]]:
    """Run a command of the app; return its exit code and all it printed."""
    app = create_app(removal.settings)

    def invoke(*arguments: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["databases", *arguments])
        return result.exit_code, result.output

    return invoke


def test_a_move_from_its_rehearsal_to_its_confirmation(run: Any, removal: Removal, tmp_path: Path) -> None:
    code, output = run("move", "blog", "--to", removal.target, "--dry-run")
    assert code == 0, output
    assert "blog can be moved." in output
    assert "without a key, so their changes cost more until it is confirmed: visits_new, visits_old" in output
    assert removal.standings() == (None, None)

    code, output = run("move", "blog", "--to", removal.target)
    assert code == 1
    assert "--pgbouncer FOLDER or --then COMMAND" in output

    notes = tmp_path / "notes"
    code, output = run("move", "blog", "--to", removal.target, "--then", f'echo "$BLOG_DATABASE_URL" >> {notes}')
    assert code == 0, output
    assert "writes were refused for" in output
    assert notes.read_text() == f"{removal.target}\n"

    code, output = run()
    assert code == 0, output
    assert "moved to" in output
    assert "of log for it" in output

    code, output = run("move", "blog", "--confirm", "--yes")
    assert code == 0, output
    code, output = run()
    assert "blog is not here: it is being moved, or was moved, from" in output
    assert removal.target not in output  # It holds a password.


def test_a_command_that_fails_leaves_everything_as_it_was(run: Any, removal: Removal) -> None:
    code, output = run(
        "move", "blog", "--to", removal.target, "--then", f'test "$BLOG_DATABASE_URL" = {removal.source}'
    )
    assert code == 1
    assert "the command failed with status 1" in output
    assert removal.writes("source")
    code, output = run()
    assert "run the move again, or --abort" in output
    assert run("move", "blog", "--abort")[0] == 0
    assert removal.standings() == (None, None)


@pytest.mark.parametrize("switched", [False, True])
def test_when_the_other_server_is_lost_for_good(run: Any, removal: Removal, stack: Stack, switched: bool) -> None:
    if not switched:
        removal.follow.failing = 1
        with pytest.raises(RuntimeError):
            removal.move()
        survivor, lost, how = "source", removal.target, "--abort"
    else:
        removal.move()
        survivor, lost, how = "target", removal.source, "--confirm"
    name = lost.rpartition("/")[2]
    there = replace(
        removal.settings.databases["blog"], url=getattr(removal, survivor), direct_url=getattr(removal, survivor)
    )
    settings = replace(removal.settings, databases={**removal.settings.databases, "blog": there})
    stack.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        runner = create_app(settings).test_cli_runner()
        result = runner.invoke(args=["databases", "move", "blog", how, "--yes"])
        assert result.exit_code == 1, result.output
        result = runner.invoke(args=["databases", "move", "blog", how, "--other-is-gone"])
        assert result.exit_code == 0, result.output
    finally:
        stack.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert removal.writes(survivor)
    assert removal.query(survivor, LEFT_OVER) == []


@pytest.mark.parametrize(
    "words", [("--to", "db2"), ("--to", "postgresql://db2"), ("--back", "--abort"), ("--other-is-gone",)]
)
def test_words_that_make_no_sense(run: Any, removal: Removal, words: tuple[str, ...]) -> None:
    assert run("move", "blog", *words)[0] == 2


def test_status_names_what_is_away(removal: Removal) -> None:
    nowhere = "postgresql://blog_app:secret@127.0.0.1:1/shop"
    shop = replace(removal.settings.databases["shop"], url=nowhere, direct_url=nowhere)
    settings = replace(removal.settings, databases={**removal.settings.databases, "shop": shop})
    result = create_app(settings).test_cli_runner().invoke(args=["databases"])
    assert result.exit_code == 1
    assert "shop       127.0.0.1:1/shop  away" in result.output
    assert "tables, about" in result.output
    assert "secret" not in result.output


def test_help_teaches(run: Any) -> None:
    code, output = run("move", "--help")
    assert code == 0
    for word in ("--dry-run", "--pgbouncer FOLDER", "--then COMMAND", "--back", "--confirm", "Ctrl-C", "Retry-After"):
        assert word in output


def test_two_that_share_a_database_move_at_once_and_a_third_stays(removal: Removal) -> None:
    settings: Settings = removal.settings
    for name in ("shop", "files"):
        with connected(settings, name, print) as connection:
            history.ensure(connection, name)
            connection.send(f"CREATE TABLE {name}.things AS SELECT i, 'thing' AS what FROM generate_series(1, 99) AS i")

    def move_shop() -> None:
        with opened(settings, "shop", removal.said.append, to=removal.target, rerouting=Follow()) as mover:
            Mover.forward(mover)

    other = BackgroundCall(move_shop)
    removal.move()
    other.result()
    assert removal.query("target", "SELECT count(*), count(DISTINCT i) FROM shop.things") == [(99, 99)]
    removal.query("source", "INSERT INTO files.things VALUES (100, 'more')")
    removal.confirm()
    with opened(settings, "shop", removal.said.append, rerouting=Follow()) as mover:
        Mover.back(mover)
    assert removal.query("source", "SELECT count(*) FROM shop.things") == [(99,)]
    assert removal.query("target", "SELECT count(*) FROM blog.posts") == [(500,)]
