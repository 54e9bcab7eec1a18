"""Failures during a move: nothing is lost, and the next run continues."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from blog_app.config import Settings
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack, throwaway
from blog_app.operations.move import MoveError, checks, overview, redirection, replication, structure, verification
from blog_app.operations.move.fence import FencedDatabase, FreezeExpired
from tests.helpers.threads import BackgroundCall
from tests.operations.move.conftest import Scenario, make_scenario


def test_a_failed_redirection_is_undone(scenario: Scenario) -> None:
    scenario.redirection.failures = 1
    with pytest.raises(RuntimeError, match=r"redirection failed"):
        scenario.move()
    assert scenario.redirection.urls == [scenario.target, scenario.source]
    assert scenario.standings() == ("serving", "receiving")
    assert scenario.writes("source")
    assert not scenario.writes("target")
    scenario.resume()
    assert scenario.writes("target")


def test_a_pgbouncer_that_hangs_in_the_switch_times_out(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(redirection, "CONSOLE_TIMEOUT", 0.3)
    (tmp_path / "pgbouncer.ini").touch()
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        pooled = f"postgresql://blog_app:word@127.0.0.1:{hanging.getsockname()[1]}/blog"
        urls = {"DATABASE_URL": scenario.source, "BLOG_DATABASE_URL": pooled, "BLOG_DIRECT_URL": scenario.source}
        settings = Settings.from_environment({"APP_MODE": "test", **urls})
        follow = redirection.PgBouncerRedirection(settings, "blog", tmp_path, "password")
        pooled_scenario = Scenario(settings, scenario.source, scenario.target)
        with pytest.raises(
            MoveError, match=r"PgBouncer at 127\.0\.0\.1:\d+ does not answer SHOW DATABASES within 0\.3 s"
        ):
            pooled_scenario.move(redirection=follow)
        assert scenario.standings() == (None, None)
        monkeypatch.setattr(follow, "check", lambda *_: None)  # It hangs only from the switch on.
        with pytest.raises(MoveError, match=r"does not answer RELOAD within 0\.3 s\. So it is unknown .* --abort"):
            pooled_scenario.move(redirection=follow)
    assert scenario.standings() == ("serving", "receiving")
    assert not scenario.writes("source")
    assert not scenario.writes("target")
    assert scenario.contents("source") == scenario.contents("target")
    assert "writes are refused on both servers" in overview.describe(scenario.settings, "blog", sizes=False).lines[0]
    scenario.resume()
    assert scenario.reported[-1].startswith("Until you confirm")
    assert "blog: switched; writes were refused since an earlier run was interrupted in the switch" in scenario.reported
    assert scenario.writes("target")


def test_a_freeze_that_takes_too_long_expires(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(structure, "copy_sequences", lambda *_: time.sleep(1.2))
        with pytest.raises(FreezeExpired, match=r"--freeze-limit"):
            scenario.move(freeze_limit=1)
    assert scenario.redirection.urls == []
    assert scenario.writes("source")
    scenario.resume()


def test_a_freeze_expires_when_its_process_does_not_end_it(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FencedDatabase, "accept_writes", lambda _: None)
        patch.setattr(structure, "copy_sequences", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            scenario.move(freeze_limit=5)
    assert not scenario.writes("source")
    assert wait_until(lambda: scenario.writes("source"), 60)
    scenario.resume()
    assert scenario.query("target", "SELECT count(*) FROM blog.posts WHERE title = 'one more'") == [(1,)]


def test_rows_that_differ_stop_the_move(scenario: Scenario, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = verification.compare_under_load

    def meddled(publisher: FencedDatabase, subscriber: FencedDatabase) -> Any:
        database = scenario.target.rpartition("/")[2]
        stack.postgres.execute(
            "SET session_replication_role = replica; DELETE FROM blog.comments WHERE id = 7", database=database
        )
        return compare(publisher, subscriber)

    monkeypatch.setattr(verification, "compare_under_load", meddled)
    with pytest.raises(MoveError, match=r"the two servers differ in: comments \(500 rows and 499\)"):
        scenario.move()
    assert scenario.writes("source")
    scenario.abort()
    assert scenario.standings() == (None, None)


def test_a_schema_that_changes_meanwhile_stops_the_move(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze = structure.analyze

    def meddled(side: FencedDatabase) -> None:
        scenario.query("source", "ALTER TABLE blog.posts ADD colour text")
        analyze(side)

    monkeypatch.setattr(structure, "analyze", meddled)
    with pytest.raises(MoveError, match=r"column posts.colour: text in the source, absent in the target"):
        scenario.move()
    scenario.abort()


def test_a_long_transaction_is_named_and_waited_for(scenario: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "REPORT_INTERVAL", 0.5)
    monkeypatch.setattr(replication, "SLOT_TIMEOUT", 0.6)
    monkeypatch.setattr(checks, "TRIAL_TIMEOUT", 0.2)
    with psycopg2.connect(scenario.source, application_name="somebody's report") as report:
        report.cursor().execute("UPDATE blog.posts SET price = 3 WHERE number = 1")
        moving = BackgroundCall(scenario.move)
        named = lambda: any("somebody's report" in line for line in scenario.reported)  # noqa: E731
        assert wait_until(named, 60), scenario.reported
    report.close()
    moving.result()
    assert scenario.standings() == ("left", "serving")
    assert scenario.query("target", "SELECT price FROM blog.posts WHERE number = 1")[0][0] == 3


def test_moving_back_can_be_aborted_too(scenario: Scenario) -> None:
    scenario.move()
    scenario.query("target", "UPDATE blog.posts SET price = 1")
    scenario.redirection.failures = 1
    with pytest.raises(RuntimeError):
        scenario.back()
    assert scenario.standings() == ("receiving", "serving")
    assert scenario.writes("target")
    scenario.abort()
    assert scenario.standings() == ("left", "serving")
    assert scenario.writes("target")
    scenario.query("target", "UPDATE blog.posts SET price = 2")
    content = scenario.contents("target")
    scenario.back()
    assert scenario.contents("source") == content


def test_an_offline_move_and_the_way_back(scenario: Scenario) -> None:
    content = scenario.contents("source")
    scenario.move(offline=True, freeze_limit=60)
    assert scenario.standings() == ("left", "serving")
    assert scenario.contents("target") == content
    assert scenario.writes("target")
    content = scenario.contents("target")
    scenario.redirection.failures = 1
    with pytest.raises(RuntimeError):
        scenario.back()
    scenario.abort()
    assert scenario.standings() == ("left", "serving")
    assert scenario.contents("target") == content
    scenario.back()
    assert scenario.contents("source") == content
    assert scenario.writes("source")
    assert scenario.standings() == (None, None)


@pytest.fixture
def fragile() -> Iterator[Any]:
    """A scenario on servers of its own, one of which the test may kill."""
    with throwaway() as stack:
        yield stack, make_scenario(stack)


def test_a_server_that_fails_in_the_copy_and_in_the_freeze(fragile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, scenario = fragile
    for owner, step in ((structure, "analyze"), (structure, "copy_sequences"), (FencedDatabase, "leave")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, lambda *_: stack.postgres.kill())
            with pytest.raises(Exception, match=r"lost|terminat|connect"):
                scenario.move()
        stack.postgres.start()
        assert scenario.standings() == ("serving", "receiving")
        assert not scenario.writes("target")
    scenario.resume()
    assert scenario.standings() == ("left", "serving")
    assert scenario.writes("target")
