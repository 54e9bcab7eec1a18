"""`flask databases` on the command line."""

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
from blog_app.operations.move.session import open_move
from tests.helpers.threads import BackgroundCall
from tests.operations.move.conftest import FakeRedirection, Scenario
from tests.operations.move.test_move import LEFTOVERS


@pytest.fixture
def run(scenario: Scenario) -> Callable[..., tuple[int, str]]:
    """Run a command of the app; return its exit code and all it printed."""
    app = create_app(scenario.settings)

    def invoke(*arguments: str) -> tuple[int, str]:
        result = app.test_cli_runner().invoke(args=["databases", *arguments])
        return result.exit_code, result.output

    return invoke


def test_a_move_from_the_dry_run_to_its_confirmation(run: Any, scenario: Scenario, tmp_path: Path) -> None:
    code, output = run("move", "blog", "--to", scenario.target, "--dry-run")
    assert code == 0, output
    assert "blog can be moved." in output
    assert (
        "without a primary key, so their changes cost more until the move is confirmed: visits_new, visits_old"
        in output
    )
    assert scenario.standings() == (None, None)

    code, output = run("move", "blog", "--to", scenario.target)
    assert code == 1
    assert "--pgbouncer FOLDER or --then COMMAND" in output

    notes = tmp_path / "notes"
    code, output = run("move", "blog", "--to", scenario.target, "--then", f'echo "$BLOG_DATABASE_URL" >> {notes}')
    assert code == 0, output
    assert "writes were refused for" in output
    assert notes.read_text() == f"{scenario.target}\n"

    code, output = run()
    assert code == 0, output
    assert "moved to" in output
    assert "of log for it" in output

    code, output = run("move", "blog", "--confirm", "--yes")
    assert code == 0, output
    code, output = run()
    assert "blog is not here: it is being moved, or was moved, from" in output
    assert scenario.target not in output  # It holds a password.


def test_a_command_that_fails_leaves_everything_as_it_was(run: Any, scenario: Scenario) -> None:
    code, output = run(
        "move", "blog", "--to", scenario.target, "--then", f'test "$BLOG_DATABASE_URL" = {scenario.source}'
    )
    assert code == 1
    assert "the command failed with status 1" in output
    assert scenario.writes("source")
    code, output = run()
    assert "run the move again, or --abort" in output
    assert run("move", "blog", "--abort")[0] == 0
    assert scenario.standings() == (None, None)


@pytest.mark.parametrize("switched", [False, True])
def test_when_the_other_server_is_lost_for_good(run: Any, scenario: Scenario, stack: Stack, switched: bool) -> None:
    if not switched:
        scenario.redirection.failures = 1
        with pytest.raises(RuntimeError):
            scenario.move()
        remaining, lost, option = "source", scenario.target, "--abort"
    else:
        scenario.move()
        remaining, lost, option = "target", scenario.source, "--confirm"
    name = lost.rpartition("/")[2]
    there = replace(
        scenario.settings.databases["blog"], url=getattr(scenario, remaining), direct_url=getattr(scenario, remaining)
    )
    settings = replace(scenario.settings, databases={**scenario.settings.databases, "blog": there})
    stack.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    try:
        runner = create_app(settings).test_cli_runner()
        result = runner.invoke(args=["databases", "move", "blog", option, "--yes"])
        assert result.exit_code == 1, result.output
        result = runner.invoke(args=["databases", "move", "blog", option, "--other-is-gone"])
        assert result.exit_code == 0, result.output
    finally:
        stack.postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert scenario.writes(remaining)
    assert scenario.query(remaining, LEFTOVERS) == []


@pytest.mark.parametrize(
    "words", [("--to", "db2"), ("--to", "postgresql://db2"), ("--back", "--abort"), ("--other-is-gone",)]
)
def test_contradictory_options_are_refused(run: Any, scenario: Scenario, words: tuple[str, ...]) -> None:
    assert run("move", "blog", *words)[0] == 2


def test_status_names_unreachable_databases(scenario: Scenario) -> None:
    nowhere = "postgresql://blog_app:secret@127.0.0.1:1/shop"
    shop = replace(scenario.settings.databases["shop"], url=nowhere, direct_url=nowhere)
    settings = replace(scenario.settings, databases={**scenario.settings.databases, "shop": shop})
    result = create_app(settings).test_cli_runner().invoke(args=["databases"])
    assert result.exit_code == 1
    assert "shop       127.0.0.1:1/shop  unreachable" in result.output
    assert "tables, about" in result.output
    assert "secret" not in result.output


def test_the_help_explains_the_options(run: Any) -> None:
    code, output = run("move", "--help")
    assert code == 0
    for word in ("--dry-run", "--pgbouncer FOLDER", "--then COMMAND", "--back", "--confirm", "Ctrl-C", "Retry-After"):
        assert word in output


def test_two_that_share_a_database_move_concurrently_and_a_third_stays(scenario: Scenario) -> None:
    settings: Settings = scenario.settings
    for name in ("shop", "files"):
        with connected(settings, name, print) as connection:
            history.ensure(connection, name)
            connection.send(f"CREATE TABLE {name}.things AS SELECT i, 'thing' AS what FROM generate_series(1, 99) AS i")

    def move_shop() -> None:
        with open_move(
            settings, "shop", scenario.reported.append, to=scenario.target, redirection=FakeRedirection()
        ) as mover:
            Mover.forward(mover)

    other = BackgroundCall(move_shop)
    scenario.move()
    other.result()
    assert scenario.query("target", "SELECT count(*), count(DISTINCT i) FROM shop.things") == [(99, 99)]
    scenario.query("source", "INSERT INTO files.things VALUES (100, 'more')")
    scenario.confirm()
    with open_move(settings, "shop", scenario.reported.append, redirection=FakeRedirection()) as mover:
        Mover.back(mover)
    assert scenario.query("source", "SELECT count(*) FROM shop.things") == [(99,)]
    assert scenario.query("target", "SELECT count(*) FROM blog.posts") == [(500,)]
