"""What counts as a page view (bot detection), and what is stored of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
import redis
from flask import Flask

from blog_app.analytics import counting as rules, queue
from blog_app.analytics.models import PageView
from blog_app.api.client_address import address_behind
from blog_app.data import databases, models
from blog_app.data.cache import Representation
from blog_app.data.watermarks import redis_key
from blog_app.development.local.process import wait_until
from tests.analytics.conftest import BROWSER, Counting
from tests.blog.test_posts import write_post
from tests.helpers.caller import anonymous, sign_up
from tests.helpers.statements import captured_statements

GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.fixture
def post(counting: Counting) -> dict:
    return write_post(sign_up(counting.app, "author"))


@pytest.mark.redis
def test_a_view_counts_whether_cached_or_not_modified(counting: Counting, post: dict) -> None:
    path, robot = f"/posts/{post['slug']}", {"User-Agent": GOOGLE}
    ways: list[str] = []

    def is_hit() -> bool:
        ways.append(anonymous(counting.app).get(path, **robot).headers["X-Cache"])
        return ways[-1] == "hit"

    # A response bypasses the cache while no lease is held: on a slow machine the lease may lapse for a moment.
    assert wait_until(is_hit, 20)
    assert set(ways) - {"bypass"} == {"miss", "hit"}  # From here on even Flask is not asked.
    etag = anonymous(counting.app).get(path, **robot).headers["ETag"]
    counting.read(post)
    counting.read(post, status=304, **{"If-None-Match": etag})
    counting.read(post, by=sign_up(counting.app))
    anonymous(counting.app).get(f"{path}?fields=title", **{"User-Agent": BROWSER})
    counting.all()
    assert (counting.stored(), counting.counter(post)) == (4, 4)
    assert PageView.select(PageView.visitor).distinct().count() == 1
    assert anonymous(counting.app).get(f"/posts/{post['id']}?include=tags").json["metadata"]["views"] == 4


@pytest.mark.redis
def test_bots_prefetches_errors_and_editors_do_not_count(counting: Counting, post: dict) -> None:
    author, draft = sign_up(counting.app, "author"), write_post(sign_up(counting.app, "author"), published=False)
    for agent in ("", GOOGLE, "curl/8.5.0", "python-requests/2.32", "GPTBot/1.1"):
        counting.read(post, **{"User-Agent": agent})
    for role in ("author", "editor", "admin"):
        counting.read(post, by=sign_up(counting.app, role))
    counting.read(draft, status=404)
    counting.read(post, **{"Sec-Purpose": "prefetch;prerender"})
    author.send("HEAD", f"/posts/{post['slug']}", status=200, headers={"User-Agent": BROWSER})
    anonymous(counting.app).get(f"/posts/{post['slug']}?fields=nonsense", status=400, **{"User-Agent": BROWSER})
    anonymous(counting.app).get("/posts", **{"User-Agent": BROWSER})
    counting.all()
    assert counting.stored() == 0


@pytest.mark.redis
def test_only_the_host_of_an_external_referrer_is_stored(counting: Counting, post: dict) -> None:
    expected = {
        "https://news.example.com/item?id=1&user=ada@example.com": "news.example.com",
        "https://www.Pub.example.org:8443/": "pub.example.org",
        "http://localhost/posts/x": None,  # The host that the test client asks.
        "https://blog.example.com/posts/x": None,
        "android-app://com.example": None,
        "https://ada:secret@[::1/": None,
        "https://" + "x" * 300 + ".com/": None,
        "nonsense": None,
    }
    settings = replace(counting.app.config["SETTINGS"], site_url="https://www.blog.example.com")
    counting.buffer._counter = rules.PageViewCounter(settings)
    for referrer in expected:
        counting.read(post, Referer=referrer)
    counting.all()
    found = PageView.select(PageView.referrer).order_by(PageView.id).tuples()
    assert [host for (host,) in found] == list(expected.values())


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "1.1.1.1", "9.9.9.9"),
        (1, "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        (2, "1.1.1.1, 2.2.2.2", "1.1.1.1"),
        (1, "", "9.9.9.9"),
    ],
)
def test_behind_proxies_the_address_is_what_the_trusted_ones_append(proxies: int, forwarded: str, address: str) -> None:
    assert address_behind(proxies, "9.9.9.9", forwarded) == address


@pytest.mark.redis
def test_no_personal_data_is_stored(counting: Counting, post: dict) -> None:
    reader = sign_up(counting.app)
    secrets = ("203.0.113.77", "Secret Browser/1.0", reader.user_id, "ada@example.com", "/private/page")
    counting.app.test_client().get(
        f"/api/v1/posts/{post['slug']}",
        environ_base={"REMOTE_ADDR": secrets[0]},
        headers={
            "User-Agent": f"Mozilla/5.0 {secrets[1]}",
            "Authorization": f"Bearer {reader.token}",
            "Referer": f"https://mail.example.com{secrets[4]}?to={secrets[3]}",
        },
    )
    counting.flush()
    everything = [str(found) for found in in_redis(counting.app)]
    counting.store()
    assert counting.stored() == 1
    everything += list(in_database())
    assert any("mail.example.com" in each for each in everything)
    assert not [secret for secret in secrets for each in everything if secret in each]


def in_redis(app: Flask) -> list[bytes]:
    return redis.Redis.from_url(app.config["SETTINGS"].redis_url).lrange(redis_key(queue.KEY), 0, -1)


def in_database() -> Iterator[str]:
    for model in models.models_of("analytics"):
        table = f"analytics.{model._meta.table_name}"
        for (row,) in databases.analytics.execute_sql(f"SELECT t::text FROM {table} t").fetchall():
            yield row


@pytest.mark.redis
def test_counting_adds_no_statement_and_little_time_to_a_read(counting: Counting, post: dict, monkeypatch) -> None:
    def statements_of(query: str) -> int:
        with captured_statements() as statements:
            anonymous(counting.app).get(f"/posts/{post['slug']}?{query}", **{"User-Agent": BROWSER})
        # To fill its entry, the cache asks besides when the next post comes out.
        return len([sql for sql in statements if "MIN(" not in sql])

    watched = statements_of("fields=title")
    monkeypatch.setitem(counting.app.extensions, "read_hooks", {})
    assert watched == statements_of("fields=slug")

    environ = {
        "REQUEST_METHOD": "GET",
        "REMOTE_ADDR": "203.0.113.77",
        "HTTP_USER_AGENT": BROWSER,
        "HTTP_REFERER": "https://news.example.com/item",
        "HTTP_HOST": "blog.example.com",
    }
    response = Representation("", 0, "", "", b"", ("post", "author"))

    def seconds_each() -> float:
        started = time.thread_time()
        for _ in range(1_000):
            counting.buffer.add(response, rules.Scope.PUBLIC, environ)
        return (time.thread_time() - started) / 1_000

    assert min(seconds_each() for _ in range(5)) < 50e-6  # One or two on an idle machine.
