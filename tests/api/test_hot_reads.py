"""The response cache of the API: the cost of a hit, invalidation, sharing, and what is never cached."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from blog_app import create_app
from blog_app.accounts.models import RoleGrant, Token, User
from blog_app.api.execution import before_flask, hooks
from blog_app.blog.models import Category, Post
from blog_app.data import cache, databases, watermarks
from blog_app.data.cache import hot
from blog_app.data.models import now
from blog_app.development.local.process import wait_until
from blog_app.permissions import Scope
from tests.api.conftest import SECONDS
from tests.blog.test_posts import write_post
from tests.helpers.caller import API, Caller, anonymous, revoked, sign_up
from tests.helpers.statements import captured_statements
from tests.helpers.threads import run_in_parallel

pytestmark = pytest.mark.redis


def how(caller: Caller, path: str, **headers: str) -> str:
    return str(caller.get(path, **headers).headers["X-Cache"])


def first_not_bypassed(caller: Caller, path: str) -> Any:
    """Return the first response that is no bypass: on a slow machine the lease may lapse for a moment."""
    responses: list[Any] = []

    def not_bypassed() -> bool:
        responses.append(caller.get(path))
        return bool(responses[-1].headers["X-Cache"] != "bypass")

    assert wait_until(not_bypassed, SECONDS)
    return responses[-1]


def statements_of(caller: Caller, path: str) -> list[str]:
    with captured_statements() as statements:
        caller.get(path)
    return statements


def test_the_second_read_is_a_hit_with_the_same_bytes_and_headers(api: Flask) -> None:
    write_post(sign_up(api, "author"))
    path = "/posts?include=author,category,tags&limit=1"
    first, second = first_not_bypassed(anonymous(api), path), first_not_bypassed(anonymous(api), path)
    assert (first.headers["X-Cache"], second.headers["X-Cache"]) == ("miss", "hit")
    assert first.data == second.data
    for name in ("ETag", "Content-Type", "Cache-Control", "Vary"):
        assert first.headers[name] == second.headers[name]
    assert second.headers["Cache-Control"] == "no-cache"
    assert int(second.headers["Age"]) >= 0


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_hit_is_served_before_flask_with_the_same_headers_and_log_line(
    api: Flask, monkeypatch, caplog, signed_in: bool
) -> None:
    write_post(sign_up(api, "author"))
    caller = sign_up(api) if signed_in else anonymous(api)
    path, identifier = "/posts?limit=1", "a-harmless-id"
    sent = {"X-Request-Id": identifier}
    with caplog.at_level(logging.INFO, "blog_app.access"):
        assert wait_until(lambda: how(caller, path) == "hit", SECONDS)
        second = caller.get(path, **sent, Origin="https://elsewhere.example")  # Which goes on to Flask.
        monkeypatch.setattr(Flask, "full_dispatch_request", None)
        third = caller.get(path, **sent)
        unchanged = caller.get(path, status=304, **{**sent, "If-None-Match": second.headers["ETag"]})
    assert third.data == second.data
    assert dict(third.headers) | {"Age": ""} == dict(second.headers) | {"Age": ""}
    assert unchanged.data == b""
    assert set(second.headers.keys()) - set(unchanged.headers.keys()) == {"Content-Type", "Content-Length"}
    lines = [record.fields for record in caplog.records if record.name == "blog_app.access"][-3:]
    assert [line["status"] for line in lines] == [200, 200, 304]
    for line in lines:
        assert line["cache"] == "hit"
        assert (line["request_id"], line["user"], line["path"]) == (identifier, caller.user_id, "/api/v1/posts")


def test_a_read_hook_is_called_for_hits_misses_and_bypasses(api: Flask, monkeypatch) -> None:
    monkeypatch.setitem(api.extensions, "read_hooks", {})
    calls = []
    hooks.on_read(api, "posts.show_post", lambda response, scope, environ: calls.append((response.hook_values, scope)))
    author = sign_up(api, "author")
    post = write_post(author)
    path = f"/posts/{post['slug']}?fields=title"
    anonymous(api).get("/posts/nothing", status=404)
    ways = [how(anonymous(api), path) for _ in range(3)]
    etag = anonymous(api).get(path).headers["ETag"]
    anonymous(api).get(path, status=304, **{"If-None-Match": etag})
    assert (ways, how(author, path)) == (["miss", "hit", "hit"], "bypass")
    hook_values = (post["id"], author.user_id)
    assert calls == [(hook_values, Scope.PUBLIC)] * 5 + [(hook_values, Scope.OWN)]


def test_remembered_urls_are_limited_in_length_and_number(api: Flask, monkeypatch) -> None:
    monkeypatch.setattr(before_flask, "MAX_REQUESTS", 3)
    remembered = api.extensions["before_flask"]._requests
    remembered.clear()
    long = "/categories?" + "&".join(f"or[{n}][name]={'x' * 40}" for n in range(12))
    for path in (long, *(f"/categories?limit={limit}" for limit in range(1, 6))):
        assert wait_until(lambda path=path: how(anonymous(api), path) == "hit", SECONDS)
        assert len(remembered) <= 3
        assert (len(remembered) == 0) == (path == long)


def test_a_caller_without_permission_is_rejected_where_others_get_hits(api: Flask) -> None:
    member, leaving = sign_up(api), sign_up(api)
    for _ in range(3):
        member.get("/users")
        leaving.get("/users")
    anonymous(api).get("/users", status=401)
    Caller(api, "nonsense").get("/users", status=401)
    revoked(leaving).get("/users", status=401)
    member.send("GET", "/users", status=200, headers={"Origin": "https://elsewhere.example"})
    assert api.test_client().head("/api/v1/users", headers={"Authorization": f"Bearer {member.token}"}).data == b""


@pytest.mark.parametrize("signed_in", [False, True])
def test_a_hit_sends_no_statement_to_the_database(api: Flask, signed_in: bool) -> None:
    write_post(sign_up(api, "author"))
    caller = sign_up(api) if signed_in else anonymous(api)
    for path in ("/posts?include=author,category,tags", "/categories", "/tags"):
        caller.get(path)
        caller.get(path)
        assert statements_of(caller, path) == []


def test_a_hit_is_one_round_trip_to_redis_also_for_an_authenticated_caller(api: Flask, monkeypatch) -> None:
    caller = sign_up(api)
    assert wait_until(lambda: how(caller, "/users") == "hit", SECONDS)
    link, sent, here = watermarks.lease_manager.link, [], threading.get_ident()
    original = link.calls

    def calls(identity, *commands):
        if threading.get_ident() == here:  # Another one looks after leases.
            sent.append([command[0] for command in commands])
        return original(identity, *commands)

    monkeypatch.setattr(link, "calls", calls)
    assert how(caller, "/users") == "hit"
    assert sent == [["MGET"]]


def test_if_none_match_gets_304_from_a_hit(api: Flask) -> None:
    post = write_post(sign_up(api, "author"))
    path = f"/posts/{post['id']}"
    tag = anonymous(api).get(path).headers["ETag"]
    response = anonymous(api).get(path, status=304, **{"If-None-Match": tag})
    assert (response.data, response.headers["X-Cache"], response.headers["ETag"]) == (b"", "hit", tag)
    assert statements_of(anonymous(api), path) == []


def test_every_write_is_seen_by_the_next_read(api: Flask) -> None:
    editor = sign_up(api, "editor")
    post = write_post(editor)
    item, page = f"/posts/{post['id']}?include=tags,author", "/posts?include=tags,author"
    for number in range(5):
        anonymous(api).get(item), anonymous(api).get(page)
        editor.patch(f"/posts/{post['id']}", {"title": f"Title {number}"})
        assert anonymous(api).get(item).json["title"] == f"Title {number}"
        assert anonymous(api).get(page).json["data"][0]["title"] == f"Title {number}"
    editor.post("/tags", {"name": "Tea"})
    editor.patch(f"/posts/{post['id']}", {"tags": ["tea"]})
    assert [tag["slug"] for tag in anonymous(api).get(item).json["tags"]] == ["tea"]
    editor.patch("/tags/tea", {"name": "Green tea"})
    assert [tag["name"] for tag in anonymous(api).get(item).json["tags"]] == ["Green tea"]
    User.update(name="Renamed").where(User.id == editor.user_id).execute()
    assert anonymous(api).get(item).json["author"]["name"] == "Renamed"
    editor.delete(f"/posts/{post['id']}")
    anonymous(api).get(item, status=404)
    assert anonymous(api).get(page).json["data"] == []


def test_an_edit_invalidates_its_own_post_and_the_lists_but_not_other_posts(api: Flask) -> None:
    editor = sign_up(api, "editor")
    one, other = write_post(editor), write_post(editor)
    paths = [f"/posts/{one['id']}?include=tags", f"/posts/{other['id']}?include=tags", "/posts"]
    for path in paths:
        anonymous(api).get(path)
    editor.patch(f"/posts/{one['id']}", {"title": "Changed"})
    assert [how(anonymous(api), path) for path in paths] == ["miss", "hit", "miss"]


def test_a_foreign_key_cascade_invalidates_the_cache(api: Flask) -> None:
    editor = sign_up(api, "editor")
    category = editor.post("/categories", {"name": "Kitchen"}).json
    post = write_post(editor, category_id=category["id"])
    path = f"/posts/{post['id']}?include=category"
    assert anonymous(api).get(path).json["category"]["name"] == "Kitchen"
    editor.delete(f"/categories/{category['id']}")
    assert anonymous(api).get(path).json["category"] is None


def test_raw_sql_with_declared_writes_invalidates_the_cache(api: Flask) -> None:
    category = Category.create(name="Kitchen", slug="kitchen")
    anonymous(api).get("/categories/kitchen")
    with databases.blog.atomic():
        databases.blog.declare_write(Category, [category.id])
        databases.blog.execute_sql("UPDATE blog.categories SET name = 'Cellar'")
    assert anonymous(api).get("/categories/kitchen").json["name"] == "Cellar"


def test_a_scheduled_post_is_listed_from_its_publication_time_on(api: Flask) -> None:
    author = sign_up(api, "author")
    post = write_post(author, published=False)
    out = now() + timedelta(seconds=1)
    author.put(f"/posts/{post['id']}/publication", {"published_at": out.isoformat()})
    shown: list[Any] = []
    while not shown:
        sent_at = now()
        shown = anonymous(api).get("/posts").json["data"]
        assert shown or sent_at < out + timedelta(seconds=5), "it is out, and the cache does not know"
        assert not shown or now() >= out
    anonymous(api).get(f"/posts/{post['id']}")


def test_an_expired_entry_is_no_hit_even_if_redis_still_has_it(api: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    write_post(sign_up(api, "author"))
    first_not_bypassed(anonymous(api), "/posts")
    assert wait_until(lambda: how(anonymous(api), "/posts") == "hit", SECONDS)
    later = SimpleNamespace(time=lambda: time.time() + cache.LIFETIME, monotonic=time.monotonic)
    monkeypatch.setattr(watermarks.lookup, "time", later)
    assert how(anonymous(api), "/posts") != "hit"


def test_authenticated_callers_share_entries_that_do_not_depend_on_the_caller(api: Flask) -> None:
    write_post(sign_up(api, "author"))
    members = [sign_up(api) for _ in range(3)]
    anonymous(api).get("/posts")
    for member in members:
        assert how(member, "/posts") == "hit"


def test_a_response_that_depends_on_the_caller_is_not_cached(api: Flask) -> None:
    author, editor = sign_up(api, "author"), sign_up(api, "editor")
    draft = write_post(author, published=False)
    assert [post["id"] for post in author.get("/posts").json["data"]] == [draft["id"]]
    assert how(author, "/posts") == "bypass"
    for _ in range(2):
        assert [post["id"] for post in editor.get("/posts").json["data"]] == [draft["id"]]
        assert anonymous(api).get("/posts").json["data"] == []
    assert how(editor, "/posts") == "hit"


def test_a_revoked_token_a_lost_role_and_a_suspended_user_are_rejected_immediately(api: Flask) -> None:
    one, editor, suspended = sign_up(api), sign_up(api, "editor"), sign_up(api)
    category = editor.post("/categories", {"name": "Kitchen"}).json
    for caller in (one, editor, suspended):
        caller.get("/users"), caller.get("/users")
    revoked(one).get("/users", status=401)
    with api.app_context():
        RoleGrant.delete().where(RoleGrant.user == editor.user_id).execute()
        editor.delete(f"/categories/{category['id']}", status=403)
        RoleGrant.create(user=editor.user_id, role="editor")
        editor.delete(f"/categories/{category['id']}")
        User.update(status="suspended").where(User.id == suspended.user_id).execute()
    suspended.get("/users", status=401)
    anonymous(api).get("/users", status=401)


def test_an_expired_token_gets_no_hits(api: Flask) -> None:
    caller = sign_up(api)
    ends = now() + timedelta(seconds=1)
    Token.update(expires_at=ends).where(Token.user == caller.user_id).execute()
    client, headers = api.test_client(), {"Authorization": f"Bearer {caller.token}"}
    while now() < ends:
        assert client.get(f"{API}/users", headers=headers).status_code == 200 or now() >= ends
    assert wait_until(lambda: client.get(f"{API}/users", headers=headers).status_code == 401, 5)


def test_with_cors_hits_have_the_vary_header_too(api: Flask, settings) -> None:
    shared = create_app(replace(settings, cors_origins=("https://site.example",)))
    try:
        responses = [anonymous(shared).get("/categories") for _ in range(4)]
        assert {response.headers["Vary"] for response in responses} == {"Accept-Encoding, Authorization, Origin"}
        foreign = anonymous(shared).get("/categories", Origin="https://site.example")
        assert foreign.headers["Access-Control-Allow-Origin"] == "https://site.example"
    finally:
        databases.bind(settings)
        watermarks.bind(settings)
        cache.init_app(api)


def test_errors_are_not_cached(api: Flask) -> None:
    missing = "/categories/kitchen"
    anonymous(api).get(missing, status=404)
    Category.create(name="Kitchen", slug="kitchen")
    anonymous(api).get(missing)
    anonymous(api).get("/categories?nonsense=1", status=400)
    anonymous(api).get("/categories?nonsense=1", status=400)
    redis = watermarks.lease_manager.link
    entries = redis.call(None, "KEYS", "*entry*nonsense*")
    assert entries == []


def test_concurrent_misses_run_the_view_once(api: Flask, monkeypatch) -> None:
    Category.create(name="Kitchen", slug="kitchen")
    anonymous(api).get("/categories")
    Category.create(name="Cellar", slug="cellar")
    filled = []
    within = Category.within.__func__

    def slow(cls, *args):
        filled.append(1)
        time.sleep(0.2)
        return within(cls, *args)

    monkeypatch.setattr(Category, "within", classmethod(slow))
    monkeypatch.setattr(cache, "FILL_WAIT_SECONDS", SECONDS)
    monkeypatch.setattr(cache, "FILL_LOCK_SECONDS", SECONDS)

    def read() -> int:
        return len(anonymous(api).get("/categories").json["data"])

    assert run_in_parallel(*[read] * 8) == [2] * 8
    assert len(filled) == 1


def test_a_view_that_reads_more_than_it_declares_fails(api: Flask, monkeypatch, caplog) -> None:
    original = Category.within.__func__

    def nosy(cls, *args):
        Post.select().count()
        return original(cls, *args)

    monkeypatch.setattr(Category, "within", classmethod(nosy))
    anonymous(api).get("/categories?limit=7", status=500)
    assert "read, but not declared: blog.posts" in caplog.text


def test_the_decorator_hot_declares_what_a_view_reads() -> None:
    @hot(Post, row="key")
    def view() -> None: ...

    assert cache.reads_of(view) == cache.Reads((Post,), cached=True, row="key")


def test_a_long_query_string_gets_a_short_cache_key(api: Flask) -> None:
    path = "/categories?" + "&".join(f"or[{n}][name]={'x' * 20}" for n in range(15))
    assert [how(anonymous(api), path) for _ in range(2)] == ["miss", "hit"]
    assert all(len(key) < 600 for key in watermarks.lease_manager.link.call(None, "KEYS", "*entry*"))


def test_without_redis_nothing_is_cached_and_nothing_costs_a_statement(api: Flask, settings) -> None:
    plain = create_app(replace(settings, redis_url=None))
    try:
        assert watermarks.lease_manager is None
        Category.create(name="Kitchen", slug="kitchen")
        caller = anonymous(plain)
        for _ in range(2):
            assert len(statements_of(caller, "/categories")) == 1
            assert how(caller, "/categories") == "bypass"
        with captured_statements() as statements:
            Category.update(name="Cellar").execute()
        assert len(statements) == 1
    finally:
        databases.bind(settings)
        watermarks.bind(settings)
        cache.init_app(api)
