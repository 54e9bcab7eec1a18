"""What goes wrong on the way: nothing is lost, and the next run goes on."""

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
from blog_app.operations.move import MoveError, checks, overview, replication, rerouting, structure, verification
from blog_app.operations.move.places import FreezeExpired, Place
from tests.helpers.threads import BackgroundCall
from tests.operations.move.conftest import Removal, make_removal


def test_a_way_that_fails_is_taken_back(removal: Removal) -> None:
    removal.follow.failing = 1
    with pytest.raises(RuntimeError, match=r"nobody follows"):
        removal.move()
    assert removal.follow.led == [removal.target, removal.source]
    assert removal.standings() == ("serving", "receiving")
    assert removal.writes("source")
    assert not removal.writes("target")
    removal.resume()
    assert removal.writes("target")


def test_a_pgbouncer_that_hangs_in_the_switch_is_given_up(
    removal: Removal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rerouting, "CONSOLE_SECONDS", 0.3)
    follow = rerouting.ByPgBouncer(tmp_path, "password")
    (tmp_path / "pgbouncer.ini").touch()
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        pooled = f"postgresql://blog_app:word@127.0.0.1:{hanging.getsockname()[1]}/blog"
        urls = {"DATABASE_URL": removal.source, "BLOG_DATABASE_URL": pooled, "BLOG_DIRECT_URL": removal.source}
        settings = Settings.from_environment({"APP_MODE": "test", **urls})
        pooled_removal = Removal(settings, removal.source, removal.target)
        with pytest.raises(
            MoveError, match=r"PgBouncer at 127\.0\.0\.1:\d+ does not answer SHOW DATABASES within 0\.3 s"
        ):
            pooled_removal.move(rerouting=follow)
        assert removal.standings() == (None, None)
        monkeypatch.setattr(follow, "check", lambda *_: None)  # It hangs from the switch on.
        with pytest.raises(MoveError, match=r"does not answer RELOAD within 0\.3 s\. So nobody knows .* --abort"):
            pooled_removal.move(rerouting=follow)
    assert removal.standings() == ("serving", "receiving")
    assert not removal.writes("source")
    assert not removal.writes("target")
    assert removal.contents("source") == removal.contents("target")
    assert "writes are refused at both places" in overview.of(removal.settings, "blog", sizes=False).lines[0]
    removal.resume()
    assert removal.said[-1].startswith("Until you confirm")
    assert "blog: switched; writes were refused since an earlier run was broken off in the switch" in removal.said
    assert removal.writes("target")


def test_a_freeze_that_takes_too_long_ends(removal: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(structure, "bring_sequences", lambda *_: time.sleep(1.2))
        with pytest.raises(FreezeExpired, match=r"--freeze-limit"):
            removal.move(freeze_limit=1)
    assert removal.follow.led == []
    assert removal.writes("source")
    removal.resume()


def test_a_freeze_ends_by_itself_when_nobody_ends_it(removal: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Place, "thaw", lambda _: None)
        patch.setattr(structure, "bring_sequences", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            removal.move(freeze_limit=5)
    assert not removal.writes("source")
    assert wait_until(lambda: removal.writes("source"), 60)
    removal.resume()
    assert removal.query("target", "SELECT count(*) FROM blog.posts WHERE title = 'one more'") == [(1,)]


def test_rows_that_differ_stop_the_move(removal: Removal, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = verification.compare_under_load

    def meddled(giving: Place, taking: Place) -> Any:
        database = removal.target.rpartition("/")[2]
        stack.postgres.execute(
            "SET session_replication_role = replica; DELETE FROM blog.comments WHERE id = 7", database=database
        )
        return compare(giving, taking)

    monkeypatch.setattr(verification, "compare_under_load", meddled)
    with pytest.raises(MoveError, match=r"the two places differ in: comments \(500 rows and 499\)"):
        removal.move()
    assert removal.writes("source")
    removal.abort()
    assert removal.standings() == (None, None)


def test_a_schema_that_changes_meanwhile_stops_the_move(removal: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    analyze = structure.analyze

    def meddled(place: Place) -> None:
        removal.query("source", "ALTER TABLE blog.posts ADD colour text")
        analyze(place)

    monkeypatch.setattr(structure, "analyze", meddled)
    with pytest.raises(MoveError, match=r"column posts.colour: text in the source, absent in the target"):
        removal.move()
    removal.abort()


def test_a_long_transaction_is_named_and_waited_for(removal: Removal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "QUIET", 0.5)
    monkeypatch.setattr(replication, "SLOT_TRY", 0.6)
    monkeypatch.setattr(checks, "TRY_SECONDS", 0.2)
    with psycopg2.connect(removal.source, application_name="somebody's report") as report:
        report.cursor().execute("UPDATE blog.posts SET price = 3 WHERE number = 1")
        moving = BackgroundCall(removal.move)
        named = lambda: any("somebody's report" in line for line in removal.said)  # noqa: E731
        assert wait_until(named, 60), removal.said
    report.close()
    moving.result()
    assert removal.standings() == ("left", "serving")
    assert removal.query("target", "SELECT price FROM blog.posts WHERE number = 1")[0][0] == 3


def test_going_back_may_be_taken_back_too(removal: Removal) -> None:
    removal.move()
    removal.query("target", "UPDATE blog.posts SET price = 1")
    removal.follow.failing = 1
    with pytest.raises(RuntimeError):
        removal.back()
    assert removal.standings() == ("receiving", "serving")
    assert removal.writes("target")
    removal.abort()
    assert removal.standings() == ("left", "serving")
    assert removal.writes("target")
    removal.query("target", "UPDATE blog.posts SET price = 2")
    content = removal.contents("target")
    removal.back()
    assert removal.contents("source") == content


def test_offline_there_and_back(removal: Removal) -> None:
    content = removal.contents("source")
    removal.move(offline=True, freeze_limit=60)
    assert removal.standings() == ("left", "serving")
    assert removal.contents("target") == content
    assert removal.writes("target")
    content = removal.contents("target")
    removal.follow.failing = 1
    with pytest.raises(RuntimeError):
        removal.back()
    removal.abort()
    assert removal.standings() == ("left", "serving")
    assert removal.contents("target") == content
    removal.back()
    assert removal.contents("source") == content
    assert removal.writes("source")
    assert removal.standings() == (None, None)


@pytest.fixture
def fragile() -> Iterator[Any]:
    """A removal on servers of its own, one of which the test may kill."""
    with throwaway() as stack:
        yield stack, make_removal(stack)


def test_a_server_that_goes_away_in_the_copy_and_in_the_freeze(fragile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, removal = fragile
    for owner, step in ((structure, "analyze"), (structure, "bring_sequences"), (Place, "leave")):
        with monkeypatch.context() as patch:
            patch.setattr(owner, step, lambda *_: stack.postgres.kill())
            with pytest.raises(Exception, match=r"lost|terminat|connect"):
                removal.move()
        stack.postgres.start()
        assert removal.standings() == ("serving", "receiving")
        assert not removal.writes("target")
    removal.resume()
    assert removal.standings() == ("left", "serving")
    assert removal.writes("target")
