"""gzip: who gets it, that it is the same document, and how its entity tag works."""

from __future__ import annotations

import gzip
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from blog_app.api.responses.compression import accepts_gzip
from blog_app.development.local.process import wait_until
from tests.api.conftest import SECONDS
from tests.blog.test_posts import write_post
from tests.helpers.caller import Caller, anonymous, sign_up


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("*", False),
        ("identity", False),
        ("", False),
        ("gzipped", False),
        ("gzip;q=nonsense", False),
    ],
)
def test_gzip_is_for_clients_that_name_it(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/swagger-ui-bundle.js"])
def test_the_documentation_is_compressed_for_clients_that_accept_it(client: FlaskClient, path: str) -> None:
    plain = client.get(path)
    compressed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert (plain.headers.get("Content-Encoding"), compressed.headers["Content-Encoding"]) == (None, "gzip")
    assert gzip.decompress(compressed.data) == plain.data
    assert len(compressed.data) < len(plain.data)
    assert [response.headers["Vary"] for response in (plain, compressed)] == ["Accept-Encoding"] * 2
    assert compressed.headers["ETag"] == f"W/{plain.headers['ETag']}"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_an_entity_tag_of_either_encoding_gives_304_in_both(client: FlaskClient, encoding: str) -> None:
    for tag in {
        client.get("/openapi.json", headers={"Accept-Encoding": each}).headers["ETag"] for each in ("gzip", "")
    }:
        response = client.get("/openapi.json", headers={"Accept-Encoding": encoding, "If-None-Match": tag})
        assert (response.status_code, response.data) == (304, b"")
        assert "Content-Encoding" not in response.headers


def outcomes(caller: Caller, path: str, encoding: str) -> tuple[TestResponse, TestResponse]:
    """Return the response that is stored, and a hit."""
    stored = hit = caller.get(path, **{"Accept-Encoding": encoding})

    def is_hit() -> bool:
        nonlocal stored, hit
        stored, hit = hit, caller.get(path, **{"Accept-Encoding": encoding})
        return hit.headers["X-Cache"] == "hit"

    assert wait_until(is_hit, SECONDS)
    return stored, hit


@pytest.mark.redis
@pytest.mark.parametrize("path", ["/posts", "/posts/{slug}"])
def test_cached_responses_are_kept_in_both_encodings(api: Flask, path: str) -> None:
    author = sign_up(api, "author")
    path = path.format(slug=write_post(author, content="A kettle sings. " * 200)["slug"])
    plain_stored, plain = outcomes(anonymous(api), path, "identity")
    stored, compressed = outcomes(anonymous(api), path, "gzip")
    assert (plain.data, stored.data) == (plain_stored.data, compressed.data)
    assert "Content-Encoding" not in plain.headers
    assert stored.headers["Content-Encoding"] == compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.data) == plain.data
    assert int(compressed.headers["Content-Length"]) == len(compressed.data) < len(plain.data) / 3
    assert compressed.headers["ETag"] == f"W/{plain.headers['ETag']}"
    assert "Accept-Encoding" in plain.headers["Vary"]
    unchanged = anonymous(api).get(
        path, status=304, **{"Accept-Encoding": "gzip", "If-None-Match": plain.headers["ETag"]}
    )
    assert (unchanged.data, unchanged.headers.get("Content-Encoding")) == (b"", None)


@pytest.mark.redis
def test_a_write_ends_both_encodings_and_the_weak_tag_guards_an_edit(api: Flask) -> None:
    author = sign_up(api, "author")
    path = f"/posts/{write_post(author, content='A kettle sings. ' * 200)['id']}"
    _, compressed = outcomes(anonymous(api), path, "gzip")
    outcomes(anonymous(api), path, "identity")
    author.patch(path, {"title": "Renamed"}, **{"If-Match": compressed.headers["ETag"]})
    for encoding in ("gzip", "identity"):
        response = anonymous(api).get(path, **{"Accept-Encoding": encoding})
        body = gzip.decompress(response.data) if "Content-Encoding" in response.headers else response.data
        assert json.loads(body)["title"] == "Renamed"
    author.patch(path, {"title": "Too late"}, status=412, **{"If-Match": compressed.headers["ETag"]})


@pytest.mark.redis
def test_a_small_response_is_not_compressed(api: Flask) -> None:
    _, hit = outcomes(anonymous(api), "/categories", "gzip")
    assert ("Content-Encoding" in hit.headers, hit.headers["ETag"][:2]) == (False, '"' + hit.headers["ETag"][1])


@pytest.mark.redis
def test_feeds_are_compressed(api: Flask) -> None:
    write_post(sign_up(api, "author"), content="A kettle sings. " * 200)
    client = api.test_client()

    def get() -> TestResponse:
        return client.get("/feeds/rss.xml", headers={"Accept-Encoding": "gzip"})

    assert wait_until(lambda: get().headers["X-Cache"] == "hit", SECONDS)
    assert b"<rss" in gzip.decompress(get().data)
