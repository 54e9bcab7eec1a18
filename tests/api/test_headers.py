"""Methods and headers: HEAD, OPTIONS, 405, caching, CORS, request ids, preconditions, proxies."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from blog_app import create_app
from blog_app.config import ConfigurationError, Settings
from tests.helpers.caller import Caller, anonymous, revoked, sign_up


def test_head_responds_like_get_without_the_body(app: Flask) -> None:
    get, head = (anonymous(app).send(method, "/tags", status=200) for method in ("GET", "HEAD"))
    assert head.data == b""
    assert [head.headers[name] for name in ("ETag", "Content-Length", "Content-Type")] == [
        get.headers[name] for name in ("ETag", "Content-Length", "Content-Type")
    ]


def test_options_lists_the_methods_and_needs_no_token(app: Flask) -> None:
    assert anonymous(app).send("OPTIONS", "/tokens", status=200).allow.as_set() >= {"get", "post", "delete"}


def test_an_unsupported_method_is_a_405_with_the_allowed_ones(app: Flask) -> None:
    rejected = anonymous(app).send("PATCH", "/tags", status=405)
    assert rejected.allow.as_set() >= {"get", "head", "post"}
    assert rejected.json["type"] == "/problems/method-not-allowed"
    assert rejected.json["detail"] == "This URL does not support this method. See the Allow header."


def test_a_double_slash_is_a_404_and_no_redirect_to_a_forged_host(client: FlaskClient) -> None:
    response = client.get("/api/v1//tags", headers={"Host": "elsewhere.example"})
    assert (response.status_code, response.json["detail"]) == (404, "No such URL. See /docs.")


def test_caches_must_revalidate_and_authenticated_responses_are_private(app: Flask) -> None:
    assert anonymous(app).get("/tags").headers["Cache-Control"] == "no-cache"
    mine = sign_up(app).get("/me")
    assert mine.headers["Cache-Control"] == "private, no-cache"
    assert "Authorization" in mine.vary


@pytest.mark.parametrize("given", ["a", "A-z.0_9", "x" * 64])
def test_a_valid_request_id_is_repeated(client: FlaskClient, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", " ", "x" * 65, "a b", "a\u00e9", "a;b", '{"a":1}'])
def test_an_invalid_request_id_is_replaced(client: FlaskClient, given: str) -> None:
    returned = client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", returned)


@pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("PUT", "/publication"), ("DELETE", "/publication")])
def test_every_change_of_a_record_checks_if_match(app: Flask, method: str, path: str) -> None:
    author = sign_up(app, "author")
    post = author.post("/posts", {"title": "Tea", "content": "Boil."})
    body = {} if method == "PUT" else None
    author.patch(f"/posts/{post.json['id']}", {"title": "Coffee"})
    old = {"If-Match": post.headers["ETag"]}
    author.send(method, f"/posts/{post.json['id']}{path}", body, status=412, headers=old)
    new = {"If-Match": author.get(f"/posts/{post.json['id']}").headers["ETag"]}
    author.send(method, f"/posts/{post.json['id']}{path}", body, status=200 if path else 204, headers=new)


def test_the_response_to_a_change_has_the_etag_of_the_next_get(app: Flask) -> None:
    author = sign_up(app, "author")
    post = author.post("/posts", {"title": "Tea", "content": "Boil."})
    assert author.get(f"/posts/{post.json['id']}").headers["ETag"] == post.headers["ETag"]
    assert post.headers["Location"].endswith(f"/posts/{post.json['id']}")


def test_an_allowed_origin_gets_the_cors_headers(settings: Settings, app: Flask) -> None:
    shared = create_app(replace(settings, cors_origins=("https://blog.example",))).test_client()
    preflight_headers = {"Origin": "https://blog.example", "Access-Control-Request-Method": "PATCH"}
    preflight = shared.options("/api/v1/posts/x", headers=preflight_headers)
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://blog.example"
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert "If-Match" in preflight.headers["Access-Control-Allow-Headers"]
    rejected = shared.patch("/api/v1/posts/x", headers=preflight_headers)
    assert rejected.status_code == 401
    assert rejected.headers["Access-Control-Allow-Origin"] == "https://blog.example"
    assert "ETag" in rejected.headers["Access-Control-Expose-Headers"]
    assert "Origin" in shared.get("/api/v1/tags").vary
    other = shared.get("/api/v1/tags", headers={"Origin": "https://blog.example.evil"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_in_development_pages_of_this_machine_may_call_the_api_and_no_others(settings: Settings, app: Flask) -> None:
    client = create_app(replace(settings, mode="development")).test_client()
    for origin in ("http://localhost:5173", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:8080"):
        allowed = client.get("/api/v1/tags", headers={"Origin": origin}).headers
        assert allowed["Access-Control-Allow-Origin"] == origin
    for origin in ("http://localhost.evil", "http://localhost:1@evil", "http://blog.example", "null", ""):
        assert "Access-Control-Allow-Origin" not in client.get("/api/v1/tags", headers={"Origin": origin}).headers
    assert not replace(settings, mode="production").allows_origin("http://localhost:5173")


def test_without_configuration_there_are_no_cors_headers(client: FlaskClient) -> None:
    response = client.get("/api/v1/tags", headers={"Origin": "https://blog.example"})
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("origin", ["blog.example", "https://blog.example/", "*", "ftp://blog.example"])
def test_an_invalid_origin_in_the_configuration_is_rejected(settings: Settings, origin: str) -> None:
    with pytest.raises(ConfigurationError, match="CORS_ORIGINS has"):
        Settings.from_environment({"DATABASE_URL": "postgresql://x/y", "APP_MODE": "test", "CORS_ORIGINS": origin})


def test_an_unknown_url_is_a_problem_document(client: FlaskClient) -> None:
    response = client.get("/nothing/h\u00e9re")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")
    assert response.json["instance"] == "/nothing/h%C3%A9re"


def test_a_refused_token_is_told_what_is_wrong_with_it(app: Flask) -> None:
    def challenge(caller: Caller, path: str, status: int) -> str | None:
        return caller.get(path, status=status).headers.get("WWW-Authenticate")

    assert challenge(anonymous(app), "/me", 401) == 'Bearer realm="api"'
    assert challenge(Caller(app, "unknown"), "/me", 401) == 'Bearer realm="api", error="invalid_token"'
    assert challenge(revoked(sign_up(app)), "/posts", 401) == 'Bearer realm="api", error="invalid_token"'
    member = sign_up(app)
    assert challenge(member, "/users?deleted=only", 403) == 'Bearer realm="api", error="insufficient_scope"'
    refused = member.delete(f"/users/{member.user_id}", status=403)
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="api", error="insufficient_scope"'
