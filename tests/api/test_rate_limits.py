"""Rate limits: by group of operations, caller and address, across processes, with Redis and without."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from flask import Flask
from redis import Redis

from blog_app import create_app
from blog_app.api.requests import rate_limits
from blog_app.config import Settings
from blog_app.data import watermarks
from blog_app.development.local.process import wait_until
from blog_app.errors import TooManyRequests
from blog_app.permissions import PERMISSIONS, SIGN_INS
from tests.helpers.caller import PASSWORD, Caller, anonymous, sign_up


@pytest.fixture
def limited(settings: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a limit of three, in a window that does not end and has no requests yet."""
    monkeypatch.setattr(rate_limits, "clock", lambda: 1_800_000_010.0)
    if settings.redis_url:
        with Redis.from_url(settings.redis_url) as redis:
            for key in redis.scan_iter("*:limit:*"):
                redis.delete(key)
    return replace(settings, write_limit=3, sign_in_limit=3, search_limit=3, read_limit=3)


@pytest.mark.parametrize("url", ["as it is", None, "redis://127.0.0.1:1"])
def test_the_limit_stops_one_caller_and_not_the_others(limited: Settings, url: str | None) -> None:
    app = create_app(limited if url == "as it is" else replace(limited, redis_url=url))
    editor = sign_up(app, "editor")
    for left, name in ((2, "One"), (1, "Two"), (0, "Three")):
        response = editor.post("/tags", {"name": name})
        assert response.headers["RateLimit"].startswith(f'"writes";r={left};t=')
        assert response.headers["RateLimit-Policy"] == '"writes";q=3;w=60'
    rejected = editor.post("/tags", {"name": "Four"}, status=429)
    assert 1 <= int(rejected.headers["Retry-After"]) <= 70
    assert rejected.headers["RateLimit"].startswith('"writes";r=0;t=')
    assert editor.get("/tags?count=true").json["page"]["total"] == 3
    assert "RateLimit" not in editor.get("/me/storage").headers
    sign_up(app, "editor").post("/tags", {"name": "Five"})


def test_two_processes_share_a_limit(limited: Settings) -> None:
    first, second = create_app(limited), create_app(limited)
    if limited.redis_url is None:
        pytest.skip("there is no Redis here")
    editor = sign_up(first, "editor")
    for number, app in enumerate((first, second, first)):
        Caller(app, editor.token).post("/tags", {"name": f"Tag {number}"})
    Caller(second, editor.token).post("/tags", {"name": "Another"}, status=429)


def test_anonymous_callers_are_limited_by_their_ip_address(limited: Settings) -> None:
    app = create_app(replace(limited, proxies=1))
    body = {"email": "nobody@example.com", "password": "x"}
    for address, status in (("192.0.2.1", 401), ("192.0.2.1", 401), ("192.0.2.1", 401), ("192.0.2.1", 429)):
        anonymous(app).post("/tokens", body, status=status, **{"X-Forwarded-For": f"198.51.100.9, {address}"})
    anonymous(app).post("/tokens", body, status=401, **{"X-Forwarded-For": "192.0.2.2"})


def test_x_forwarded_for_is_ignored_without_a_configured_proxy(limited: Settings) -> None:
    app = create_app(limited)
    body = {"email": "nobody@example.com", "password": "x"}
    for number, status in enumerate((401, 401, 401, 429)):
        anonymous(app).post("/tokens", body, status=status, **{"X-Forwarded-For": f"192.0.2.{number}"})


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_800_000_000.0
        monkeypatch.setattr(rate_limits, "clock", lambda: self.now)


@pytest.mark.parametrize("with_redis", [True, False])
@pytest.mark.parametrize("start", [0.0, 3.3, 9.9, 59.9])
def test_no_minute_has_more_than_the_limit(
    limited: Settings, monkeypatch: pytest.MonkeyPatch, with_redis: bool, start: float
) -> None:
    create_app(limited if with_redis else replace(limited, redis_url=None))
    clock, limiter = Clock(monkeypatch), rate_limits.RateLimiter(replace(limited, write_limit=10))
    clock.now += start
    passed: list[float] = []
    for number in range(400):
        clock.now += 0.7 if number % 50 < 40 else 4.0
        with suppress(TooManyRequests):
            limiter.count("writes", None, f"start {start}")
            passed.append(clock.now)
    assert all(later - earlier > 60 for earlier, later in zip(passed, passed[10:], strict=False))
    assert len(passed) > 10 * (clock.now - passed[0]) / 70 - 10, "and what is refused is not counted"


def test_retry_after_says_when_a_request_is_let_through_again(limited: Settings, monkeypatch) -> None:
    create_app(limited)
    clock, limiter = Clock(monkeypatch), rate_limits.RateLimiter(limited)
    for _ in range(3):
        clock.now += 4.0
        limiter.count("writes", None, "retry")
    for _ in range(2):
        with pytest.raises(TooManyRequests) as refused:
            limiter.count("writes", None, "retry")
    clock.now += int(refused.value.headers["Retry-After"]) - 1
    with pytest.raises(TooManyRequests):
        limiter.count("writes", None, "retry")
    clock.now += 1
    limiter.count("writes", None, "retry")


def test_an_address_has_a_limit_for_all_its_users(limited: Settings) -> None:
    app = create_app(replace(limited, write_limit=2, address_limit_factor=2))
    editors = [sign_up(app, "editor") for _ in range(3)]
    for number, editor in enumerate(editors[:2] * 2):
        editor.post("/tags", {"name": f"Tag {number}"})
    refused = editors[2].post("/tags", {"name": "Another"}, status=429)
    assert refused.headers["RateLimit-Policy"] == '"writes-per-address";q=4;w=60'


@pytest.mark.parametrize("url", ["as it is", None])
def test_searches_and_lists_that_are_not_cached_are_limited(limited: Settings, url: str | None) -> None:
    app = create_app(limited if url == "as it is" else replace(limited, redis_url=url, proxies=1))
    author, reader = sign_up(app, "author"), anonymous(app)
    for number, left in ((5, 2), (6, 1), (7, 0)):
        assert reader.get(f"/posts?limit={number}").headers["RateLimit"].startswith(f'"reads";r={left};t=')
    assert int(reader.get("/posts?limit=8", status=429).headers["Retry-After"]) > 0
    for left in (2, 1, 0):
        assert reader.get(f"/posts?limit={left + 1}&q=bear").headers["RateLimit"].startswith(f'"search";r={left};t=')
    reader.get("/posts?q=bear", status=429)
    reader.get("/posts?limit=9", status=429, Origin="https://elsewhere.example")  # Which Flask serves.
    author.get("/posts?limit=8")
    post = author.post("/posts", {"title": "A kettle", "content": "It sings."}).json
    for _ in range(5):
        assert "RateLimit" not in author.get(f"/posts/{post['id']}").headers


def test_hits_are_not_counted(limited: Settings) -> None:
    app = create_app(replace(limited, read_limit=30))
    lease_manager = watermarks.lease_manager
    assert lease_manager
    assert wait_until(lambda: lease_manager.lease("blog") is not None, 20)
    reader = anonymous(app)
    assert wait_until(lambda: reader.get("/tags").headers["X-Cache"] == "hit", 20)
    for _ in range(40):
        assert "RateLimit" not in reader.get("/tags").headers


def test_sign_ins_have_a_limit_of_their_own_and_admins_who_create_users_have_not(limited: Settings) -> None:
    app = create_app(replace(limited, write_limit=0))
    assert PERMISSIONS.keys() >= SIGN_INS
    for left in (2, 1, 0):
        refused = anonymous(app).post("/password-resets/completion", {"token": "x", "password": PASSWORD}, status=422)
        assert refused.headers["RateLimit"].startswith(f'"sign-in";r={left};t=')
    anonymous(app).post("/tokens", {"email": "nobody@example.com", "password": "x"}, status=429)
    for number in range(4):
        sign_up(app, "admin").post("/users", {"email": f"user{number}@example.org", "name": "New"})
