"""Reads before Flask: they have the same response as through Flask, and everything else is handed to Flask."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Any

import hypothesis
import pytest
from flask import Flask, request, signals
from hypothesis import given, strategies as st
from werkzeug.test import TestResponse

from blog_app import create_app, logs
from blog_app.api import auth
from blog_app.api.execution.hooks import ServedRequest
from blog_app.config import Settings
from tests.blog.test_posts import write_post
from tests.helpers import objects
from tests.helpers.caller import API, Caller, anonymous, sign_up
from tests.helpers.operations import OPERATIONS
from tests.helpers.statements import captured_statements

READS = [name for name, operation in OPERATIONS.items() if operation.render]
VARYING = ("X-Request-Id", "Age", "X-Cache")


def through_flask(caller: Caller, path: str, *, status: int, **headers: str) -> TestResponse:
    """Return the response through Flask, which handles requests with an Origin."""
    response: TestResponse = caller.send("GET", path, status=status, headers={"Origin": "https://x.example", **headers})
    return response


def same(one: TestResponse, other: TestResponse) -> bool:
    """Return whether two responses are equal, headers included."""
    compared = [{name: value for name, value in each.headers if name not in VARYING} for each in (one, other)]
    return (one.status_code, one.data, compared[0]) == (other.status_code, other.data, compared[1])


@pytest.mark.parametrize("name", READS)
def test_a_read_before_flask_has_the_same_response_as_through_flask(
    app: Flask, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = sign_up(app, "admin")
    url = objects.url(app, name.partition(" ")[2], owner=admin.user_id)
    by_flask = through_flask(admin, url, status=200)
    unchanged_by_flask = through_flask(admin, url, status=304, **{"If-None-Match": by_flask.headers["ETag"]})
    monkeypatch.setattr(Flask, "wsgi_app", None)
    monkeypatch.setattr(app.extensions["before_flask"], "_flask", None)
    assert same(admin.get(url), by_flask)
    assert same(admin.get(url, status=304, **{"If-None-Match": by_flask.headers["ETag"]}), unchanged_by_flask)


@pytest.fixture
def member(app: Flask) -> Caller:
    return sign_up(app)


PATHS = st.sampled_from(
    [
        "/posts",
        "/posts/",
        "//posts",
        "/posts/any",
        "/posts/%00",
        "/posts/%FF",
        "/posts/%2F",
        "/posts/..",
        "/posts/%C3%A9",
        "/tags",
        "/users",
        "/me",
    ]
)
PARAMETERS = st.sampled_from(
    [
        "limit",
        "fields",
        "include",
        "sort",
        "cursor",
        "page",
        "count",
        "q",
        "title",
        "title[contains]",
        "deleted",
        "x",
        "%00",
    ]
)
VALUES = st.sampled_from(
    ["", "1", "-1", "id", "author,tags", "-id", "true", "%00", "%FF", "a+b", "[]", ";", "&", "=", "%"]
)
QUERIES = st.lists(st.tuples(PARAMETERS, VALUES), max_size=3).map(lambda pairs: "&".join(map("=".join, pairs)))
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Authorization": st.sampled_from(
            ["", "Bearer", "Bearer x", "Basic x", "Bearer \u00e9", "Bearer " + "x" * 5000]
        ),
        "If-None-Match": st.sampled_from(["*", '"x"', "nonsense, ,"]),
    },
)


@hypothesis.settings(max_examples=200)
@given(path=PATHS, query=QUERIES, headers=HEADERS, signed_in=st.booleans())
def test_any_read_has_the_same_response_as_through_flask(
    member: Caller, path: str, query: str, headers: dict[str, str], signed_in: bool
) -> None:
    client = member.app.test_client()
    if signed_in:
        headers = {"Authorization": f"Bearer {member.token}"} | headers
    url = f"{API}{path}?{query}"
    by_flask = client.get(url, headers=headers | {"Origin": "https://x.example"})
    found = client.get(url, headers=headers)
    assert found.status_code == by_flask.status_code < 500
    assert without_id(found) == without_id(by_flask)
    assert set(found.headers.keys()) - set(VARYING) == set(by_flask.headers.keys()) - set(VARYING)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/posts?limit=0", 400),
        ("/posts/nothing", 404),
        ("/posts/%C3%A9t%C3%A9", 404),
        ("/posts/a/b/c", 404),
        ("/users", 401),
        ("/posts/old-title", 301),
    ],
)
def test_errors_and_redirects_are_handed_to_flask_without_further_statements(
    app: Flask, path: str, status: int
) -> None:
    author = sign_up(app, "author")
    post = write_post(author, title="Old title")
    author.patch(f"/posts/{post['id']}", {"title": "New title", "slug": "new-title"})
    with captured_statements() as by_flask:
        expected = through_flask(anonymous(app), path, status=status)
    with captured_statements() as sent:
        found = anonymous(app).get(path, status=status)
    assert sent == by_flask
    assert found.headers["Content-Type"] == expected.headers["Content-Type"]
    assert found.headers.get("Location") == expected.headers.get("Location")
    assert without_id(found) == without_id(expected)


def without_id(response: TestResponse) -> Any:
    return {name: value for name, value in (response.get_json(silent=True) or {}).items() if name != "request_id"}


def test_an_exception_is_a_500_that_is_logged_once(app: Flask, monkeypatch, caplog) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(auth.BearerToken, "authorize", fail)
    with caplog.at_level(logging.ERROR):
        response = anonymous(app).get("/posts", status=500, **{"X-Request-Id": "mine"})
    assert (response.json["request_id"], response.headers["X-Request-Id"]) == ("mine", "mine")
    own = [record for record in caplog.records if record.thread == threading.get_ident()]
    assert [record.exc_info[0] for record in own] == [ZeroDivisionError]


def test_the_context_of_a_request_ends_with_it(app: Flask) -> None:
    author = sign_up(app, "author")
    for method, path, status in (("GET", "/me", 200), ("GET", "/posts/nothing", 404), ("POST", "/posts", 415)):
        author.send(method, path, status=status)
        assert (*auth.current(), logs.request_id()) == (*auth.NOBODY, None)


def test_every_request_has_one_line_in_the_access_log(app: Flask, caplog) -> None:
    author = sign_up(app, "author")
    with caplog.at_level(logging.INFO, "blog_app.access"):
        author.get("/posts?limit=1")
        author.get("/posts/%C3%A9", status=404)
        author.post("/posts", {}, status=422)
        anonymous(app).get("/me", status=401)
    lines = [record.fields for record in caplog.records if record.name == "blog_app.access"]
    assert [(line["method"], line["path"], line["status"], line["user"]) for line in lines] == [
        ("GET", "/api/v1/posts", 200, author.user_id),
        ("GET", "/api/v1/posts/\u00e9", 404, author.user_id),
        ("POST", "/api/v1/posts", 422, author.user_id),
        ("GET", "/api/v1/me", 401, None),
    ]
    assert len({line["request_id"] for line in lines}) == len(lines)


@pytest.mark.parametrize(
    ("proxies", "address"), [(0, "127.0.0.1"), (1, "203.0.113.7"), (2, "6.6.6.6"), (3, "127.0.0.1")]
)
def test_the_access_log_has_the_address_that_trusted_proxies_name(
    app: Flask, caplog: pytest.LogCaptureFixture, proxies: int, address: str
) -> None:
    client = create_app(replace(app.config["SETTINGS"], proxies=proxies)).test_client()
    with caplog.at_level(logging.INFO, "blog_app.access"):
        for path in ("/api/v1/posts", "/api/v1/posts", "/api/v1/me"):  # Before Flask, also from the cache; by Flask.
            client.get(path, headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
    lines = [record.fields for record in caplog.records if record.name == "blog_app.access"]
    assert [line["address"] for line in lines] == [address] * 3


def test_a_response_hook_gets_every_response_alike(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ServedRequest] = []
    monkeypatch.setattr(app.extensions["before_flask"], "_response_hooks", [seen.append])
    author = sign_up(app, "author")
    seen.clear()
    author.get("/posts")
    through_flask(author, "/posts", status=200)
    author.get("/posts/nothing", status=404)
    author.post("/posts", {}, status=422)
    author.send("GET", "/../nothing", status=404)
    assert [(each.endpoint, each.status, each.user_id and str(each.user_id)) for each in seen] == [
        ("posts.list_posts", 200, author.user_id),
        ("posts.list_posts", 200, author.user_id),
        ("posts.show_post", 404, author.user_id),
        ("posts.create_post", 422, author.user_id),
        (None, 404, None),
    ]
    assert all(each.seconds > 0 and each.environ["REQUEST_METHOD"] in ("GET", "POST") for each in seen)


def test_with_reads_before_flask_off_extensions_see_every_request(app: Flask, settings: Settings) -> None:
    own = create_app(replace(settings, reads_before_flask=False))
    seen: list[str] = []
    own.before_request(lambda: seen.append(f"before {request.endpoint}"))
    own.after_request(lambda response: seen.append(f"after {response.status_code}") or response)
    caller = anonymous(own)
    with signals.request_finished.connected_to(lambda *_, **__: seen.append("signal"), own):
        for _ in range(2):
            caller.get("/posts")
    assert seen == ["before posts.list_posts", "after 200", "signal"] * 2
