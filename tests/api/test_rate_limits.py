"""The rate limit on write requests: by caller, across processes, with Redis and without."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from redis import Redis

from blog_app import create_app
from blog_app.api.requests import rate_limits
from blog_app.config import Settings
from tests.helpers.caller import Caller, anonymous, sign_up


@pytest.fixture
def limited(settings: Settings, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with a limit of three, in a window that does not end and has no requests yet."""
    monkeypatch.setattr(rate_limits, "clock", lambda: 1_800_000_010.0)
    if settings.redis_url:
        with Redis.from_url(settings.redis_url) as redis:
            for key in redis.scan_iter("*:limit:*"):
                redis.delete(key)
    return replace(settings, write_limit=3)


@pytest.mark.parametrize("url", ["as it is", None, "redis://127.0.0.1:1"])
def test_the_limit_stops_one_caller_and_not_the_others(limited: Settings, url: str | None) -> None:
    app = create_app(limited if url == "as it is" else replace(limited, redis_url=url))
    editor = sign_up(app, "editor")
    for left, name in ((2, "One"), (1, "Two"), (0, "Three")):
        response = editor.post("/tags", {"name": name})
        assert response.headers["RateLimit"].startswith(f'"writes";r={left};t=')
        assert response.headers["RateLimit-Policy"] == '"writes";q=3;w=60'
    rejected = editor.post("/tags", {"name": "Four"}, status=429)
    assert 1 <= int(rejected.headers["Retry-After"]) <= 60
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
