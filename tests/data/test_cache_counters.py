"""Cache statistics: the report is the sum of what the responses of all processes said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.request import urlopen

import pytest
from flask import Flask

from blog_app.data import databases, watermarks
from blog_app.data.cache_counters import Counters, Counts, counters, report
from blog_app.data.watermarks.leases import LeaseManager
from blog_app.data.watermarks.redis_link import RedisLink
from blog_app.development.local.process import wait_until
from blog_app.development.local.stack import Stack
from tests.helpers.caller import API, anonymous, sign_up
from tests.helpers.web_server import gunicorn

SECONDS = 30
NAMES = {"hit": "hits", "miss": "misses", "bypass": "bypasses"}
VIEW = "tags.list_tags"


@pytest.fixture(autouse=True)
def everything_is_flushed(app: Flask) -> None:
    """Flush the counts of earlier tests."""
    assert wait_until(counters.flush, SECONDS)


@pytest.fixture
def no_redis(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    monkeypatch.setattr(watermarks, "lease_manager", None)
    return app


@pytest.fixture
def dead_redis(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """The app, with a Redis address that refuses connections."""
    lease_manager = LeaseManager(RedisLink("redis://127.0.0.1:9/0", 0.2, "test"), databases.BY_NAME)
    monkeypatch.setattr(watermarks, "lease_manager", lease_manager)
    yield app
    lease_manager.stop()


def until(is_right: Callable[[Any], bool], ask: Callable[[], Any]) -> Any:
    """Repeat until the result is right, and return it: on a slow machine Redis may be unreachable for a moment."""
    answers: list[Any] = []

    def asked() -> bool:
        answers.append(ask())
        return is_right(answers[-1])

    assert wait_until(asked, SECONDS), answers[-1]
    return answers[-1]


def counts_of(view: str) -> dict[str, Any]:
    found = until(lambda found: found.status == "ok", report)
    return found.views.get(view, Counts()).described()


def more_than(before: dict[str, Any], view: str = VIEW) -> Counter[str]:
    """Return what was counted since `before`."""
    after = counts_of(view)
    return Counter({name: after[name] - before[name] for name in NAMES.values() if after[name] > before[name]})


@pytest.mark.redis
def test_what_responses_say_is_counted_and_flushed(app: Flask) -> None:
    before, reader = counts_of(VIEW), anonymous(app)
    said = Counter(NAMES[reader.get("/tags").headers["X-Cache"]] for _ in range(20))
    assert wait_until(lambda: more_than(before) == said, SECONDS), (more_than(before), said)


@pytest.mark.redis
def test_a_response_for_one_caller_only_is_a_bypass(app: Flask) -> None:
    view = "posts.list_posts"
    before, author = counts_of(view), sign_up(app, "author")
    assert author.get("/posts").headers["X-Cache"] == "bypass"
    assert wait_until(lambda: more_than(before, view) == {"bypasses": 1}, SECONDS)


@pytest.mark.redis
def test_counts_of_two_processes_are_summed_and_flushed_at_exit(app: Flask, stack: Stack) -> None:
    before, said = counts_of(VIEW), Counter[str]()
    with ExitStack() as both:
        webs = [both.enter_context(gunicorn(stack, WEB_CONCURRENCY="1", REDIS_TIMEOUT="10")) for _ in range(2)]
        for web in webs * 5:
            with urlopen(f"http://127.0.0.1:{web.port}{API}/tags", timeout=SECONDS) as answer:
                said[NAMES[answer.headers["X-Cache"]]] += 1
        for web in webs:
            web.end()
    assert more_than(before) == said
    assert said.total() == 10


@pytest.mark.redis
def test_the_longest_and_the_mean_fill_are_of_all_processes(app: Flask) -> None:
    before = counts_of("a.view")
    assert before["hit_ratio"] is before["mean_fill_milliseconds"] is before["longest_fill_milliseconds"] is None
    one, two = Counters(), Counters()
    for process, fills in ((one, (0.010, 0.030)), (two, (0.020,))):
        for seconds in fills:
            process.count("a.view", "miss", seconds)
        process.count("a.view", "hit")
        assert wait_until(process.flush, SECONDS)
    assert counts_of("a.view") == {
        "hits": 2,
        "misses": 3,
        "bypasses": 0,
        "hit_ratio": 0.4,
        "mean_fill_milliseconds": 20.0,
        "longest_fill_milliseconds": 30.0,
    }


@pytest.mark.redis
def test_while_redis_is_away_each_process_keeps_its_counts(dead_redis: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Counters()
    process.count("another.view", "bypass")
    assert not process.flush()
    process.count("another.view", "bypass")
    assert report().status == "away"
    admin = sign_up(dead_redis, "admin")
    assert admin.get("/analytics/cache").json["status"] == "away"
    result = dead_redis.test_cli_runner().invoke(args=["cache", "status"])
    assert (result.exit_code, "Redis is unreachable" in result.output) == (1, True)
    monkeypatch.undo()
    assert wait_until(process.flush, SECONDS)
    assert counts_of("another.view")["bypasses"] == 2


@pytest.mark.redis
def test_a_batch_whose_confirmation_was_lost_is_counted_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    process, ask = Counters(), watermarks.ask_redis
    process.count("a.third.view", "bypass")
    assert wait_until(lambda: ask(("PING",)), SECONDS)
    monkeypatch.setattr(watermarks, "ask_redis", lambda *commands: [ask(*commands), None][1])
    assert not process.flush()
    monkeypatch.undo()
    process.count("a.third.view", "bypass")
    assert wait_until(process.flush, SECONDS)
    assert counts_of("a.third.view")["bypasses"] == 2


def test_without_redis_nothing_is_counted_and_the_report_says_so(no_redis: Flask) -> None:
    process = Counters()
    process.count("no.view", "bypass")
    assert process.flush()
    found = sign_up(no_redis, "admin").get("/analytics/cache").json
    assert (found["status"], found["views"], found["total"]["hits"]) == ("not configured", [], 0)
    result = no_redis.test_cli_runner().invoke(args=["cache", "status"])
    assert (result.exit_code, result.output) == (0, "REDIS_URL is not set: nothing is cached.\n")


@pytest.mark.redis
def test_the_report_shows_each_view_and_the_total(app: Flask) -> None:
    process = Counters()
    process.count("shown.view", "miss", 0.5)
    assert wait_until(process.flush, SECONDS)
    admin = sign_up(app, "admin")
    found = until(lambda found: found["status"] == "ok", lambda: admin.get("/analytics/cache").json)
    (shown,) = [each for each in found["views"] if each["view"] == "shown.view"]
    assert (shown["misses"], shown["hit_ratio"], shown["longest_fill_milliseconds"]) == (1, 0.0, 500.0)
    assert found["total"]["misses"] >= 1
    runner = app.test_cli_runner()
    result = until(
        lambda result: result.exit_code == 0, lambda: runner.invoke(args=["cache", "status", "--hours", "2"])
    )
    (line,) = [line for line in result.output.splitlines() if line.startswith("shown.view")]
    assert line.split()[1:] == ["0", "1", "0", "0.0%", "500.0", "ms", "500.0", "ms"]
    assert runner.invoke(args=["cache", "status", "--hours", "25"]).exit_code == 2
