"""gzip: who gets it, that it is the same document, and how its entity tag works."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

from blog_app.api.responses.compression import accepts_gzip


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
