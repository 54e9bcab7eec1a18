"""Invalid input of every kind to every endpoint gets a problem document, never a 5xx."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from urllib.parse import quote

import orjson
import peewee
import pytest
from flask import Flask
from hypothesis import given, settings, strategies as st
from werkzeug.test import EnvironBuilder, TestResponse

from blog_app.data import databases
from blog_app.errors import as_problem
from tests.helpers import objects
from tests.helpers.caller import API, Caller, sign_up
from tests.helpers.operations import OPERATIONS

LISTS = [name.partition(" ")[2] for name, operation in OPERATIONS.items() if operation.is_list]
bounded = settings(max_examples=200)

HOSTILE_TEXTS = [
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\\",
        "%",
        "%\\",
        "_",
        "'",
        '"',
        ";",
        "--",
        "' OR 1=1 --",
        "'); DROP TABLE blog.posts --",
    ),
    *("null", "true", "NaN", "Infinity", "-1", "0", "1e999", "9" * 30, "-" + "9" * 400, "1_0", "٣", "0x10", "1.5"),
    *("[]", "{}", "[0]", ",", ",,,", "a,b,c", "-", "--id", "id,id", "..", "../../etc/passwd", "/", "?", "#", "&", "="),
    *(
        "\U0001f63a",
        "\u202eabc",
        "\ufeff",
        "e\u0301",
        "مرحبا",
        "(a+)+$",
        "2026-13-01",
        "0000-00-00",
        "9999-12-31T23:59:59Z",
    ),
    *("0001-01-01T00:00:00+14:00", "infinity", "00000000-0000-0000-0000-000000000000", "{00000000}", "x" * 3000),
]
HOSTILE_BYTES = ["%ED%A0%80", "%FF", "%00", "%C0%80", "%zz", "%"]
JSON_VALUES = st.recursive(
    st.one_of(
        st.sampled_from([None, True, 0, -1, 2**31, 2**63, 2**64 - 1, 1.5, 1e300, *HOSTILE_TEXTS]),
        st.text(max_size=20),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def admin(app: Flask) -> Caller:
    return sign_up(app, "admin")


def operations(document: dict[str, Any], method: str | None = None) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for each, operation in methods.items():
            if path.startswith(API) and method in (None, each):
                yield each.upper(), path.removeprefix(API), operation


def send(caller: Caller, method: str, url: str, **options: Any) -> TestResponse:
    """Send a request as raw bytes; check that the response is no 5xx, and a problem document if it is an error."""
    headers = {"Authorization": f"Bearer {caller.token}", **options.pop("headers", {})}
    path, _, query = url.partition("?")
    builder = EnvironBuilder(path=API + path, method=method, query_string=query, headers=headers, **options)
    response = caller.app.test_client().open(builder)
    assert response.status_code < 500, (method, url, response.text)
    if response.status_code >= 400:
        assert response.mimetype == "application/problem+json"
        assert response.json["detail"]
    return response


@bounded
@given(data=st.data())
def test_any_query_parameter_value_gets_200_or_400(
    admin: Caller, document: dict[str, Any], data: st.DataObject
) -> None:
    _, path, operation = data.draw(st.sampled_from(list(operations(document, "get"))))
    names = [each["name"] for each in operation["parameters"] if each.get("in") == "query"]
    values = st.sampled_from([quote(text) for text in HOSTILE_TEXTS] + HOSTILE_BYTES) | st.text().map(quote)
    parameters = data.draw(st.dictionaries(st.sampled_from(names or ["x"]), values, min_size=1, max_size=3))
    query = "&".join(f"{quote(name)}={value}" for name, value in parameters.items())
    assert send(admin, "GET", f"{url_of(admin, path)}?{query}").status_code in (200, 400)


@bounded
@given(data=st.data())
def test_any_path_value_gets_no_server_error(admin: Caller, document: dict[str, Any], data: st.DataObject) -> None:
    method, path, operation = data.draw(st.sampled_from([each for each in operations(document) if "{" in each[1]]))
    text = data.draw(st.sampled_from(HOSTILE_TEXTS) | st.text(min_size=1))
    url = "/".join(quote(text, safe="") if part.startswith("{") else part for part in path.split("/"))
    send(admin, method, url, json=objects.body_of(document, operation))


@bounded
@given(data=st.data())
def test_any_body_gets_no_server_error(admin: Caller, document: dict[str, Any], data: st.DataObject) -> None:
    method, path, operation = data.draw(
        st.sampled_from([each for each in operations(document) if "requestBody" in each[2]])
    )
    body = data.draw(JSON_VALUES)
    if data.draw(st.booleans()):
        content = next(iter(operation["requestBody"]["content"].values()))
        fields = objects.fields_of(document, content["schema"])
        body = {
            **objects.body_of(document, operation),
            **data.draw(st.dictionaries(st.sampled_from(fields), JSON_VALUES)),
        }
    send(admin, method, url_of(admin, path), data=as_json(body), content_type="application/json")


@bounded
@given(data=st.data())
def test_any_forged_cursor_gets_200_or_400(admin: Caller, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(LISTS))
    url = url_of(admin, path)
    signature = st.sampled_from(["-id", "id", "name,id", "-published_at,-id", "", 0, None])
    forged = data.draw(JSON_VALUES | st.tuples(signature, st.sampled_from([0, 1, 2, True]), JSON_VALUES, JSON_VALUES))
    cursor = urlsafe_b64encode(as_json(forged)).decode().rstrip("=")
    assert send(admin, "GET", f"{url}?cursor={cursor}").status_code in (200, 400)
    assert send(admin, "GET", f"{url}?cursor={cursor[:-1]}").status_code in (200, 400)


def url_of(caller: Caller, path: str) -> str:
    """Return the URL path of an existing object, which is created once."""
    known = caller.__dict__.setdefault("known", {})
    if path not in known:
        known[path] = objects.url(caller.app, path, owner=caller.user_id)
    return known[path]


def as_json(value: Any) -> bytes:
    return orjson.dumps(value, default=str, option=orjson.OPT_PASSTHROUGH_SUBCLASS)


BODIES = {
    "nothing": (b"", "application/json", 400),
    "malformed": (b'{"name": ', "application/json", 400),
    "two documents": (b"{} {}", "application/json", 400),
    "NaN": (b'{"name": NaN}', "application/json", 400),
    "more than a double": (b'{"name": 1e999}', "application/json", 400),
    "a lone surrogate": (b'{"name": "\\ud800"}', "application/json", 400),
    "a lone surrogate in a key": (b'{"\\udfff": 1}', "application/json", 400),
    "NUL": (b'{"name": "a\\u0000"}', "application/json", 422),
    "NUL in a key": (b'{"\\u0000": 1}', "application/json", 422),
    "not UTF-8": (b'{"name": "\xff"}', "application/json", 400),
    "UTF-16": ('{"name": "Tea"}'.encode("utf-16"), "application/json", 400),
    "nested deeply": (b"[" * 100_000, "application/json", 400),
    "nested too deeply for us": (b'{"name":' + b"[" * 30 + b"]" * 30 + b"}", "application/json", 400),
    "no object": (b'["name"]', "application/json", 422),
    "null": (b"null", "application/json", 422),
    "an unknown field": (b'{"name": "Tea", "colour": "red"}', "application/json", 422),
    "a read-only field": (b'{"name": "Tea", "id": "x"}', "application/json", 422),
    "ten megabytes": (b'{"name": "' + b"x" * 10_000_000 + b'"}', "application/json", 413),
    "no media type": (b'{"name": "Tea"}', None, 415),
    "a form": (b"name=Tea", "application/x-www-form-urlencoded", 415),
    "text": (b'{"name": "Tea"}', "text/plain", 415),
    "a patch": (b'{"name": "Tea"}', "application/merge-patch+json", 415),
    "another charset": (b'{"name": "Tea"}', "application/json; charset=latin-1", 415),
    "UTF-8 by name": (b'{"name": "Tea"}', "Application/JSON; charset=UTF-8", 201),
    "emoji and right-to-left": ('{"name": "\U0001f375 \u0634\u0627\u064a"}'.encode(), "application/json", 201),
    "a duplicate key": (b'{"name": "Coffee", "name": "Tea"}', "application/json", 400),
    "a duplicate key, escaped": (b'{"name": "Coffee", "n\\u0061me": "Tea"}', "application/json", 400),
    "a duplicate key inside": (b'{"name": "Tea", "x": [{"a": 1, "a": 1}]}', "application/json", 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies_get_the_right_status(admin: Caller, name: str) -> None:
    data, content_type, status = BODIES[name]
    assert send(admin, "POST", "/tags", data=data, content_type=content_type).status_code == status
    assert admin.get("/tags?count=true").json["page"]["total"] == (status == 201)


def test_a_duplicate_key_is_named(admin: Caller) -> None:
    response = send(admin, "POST", "/tags", data=b'{"name": "Tea", "name": "Tea"}', content_type="application/json")
    assert response.json["detail"] == "The body has the key 'name' more than once in one object."


def test_a_body_without_a_length_is_limited_too(admin: Caller) -> None:
    padded = b'{"name": "Tea"}' + b" " * 10_000_000
    options = {"environ_overrides": {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}}
    refused = send(admin, "POST", "/tags", input_stream=BytesIO(padded), content_type="application/json", **options)
    assert refused.status_code == 413
    most = admin.app.config["MAX_CONTENT_LENGTH"]
    taken = send(
        admin, "POST", "/tags", input_stream=BytesIO(padded[:most]), content_type="application/json", **options
    )
    assert taken.status_code == 201


def test_a_compressed_body_is_rejected(admin: Caller) -> None:
    options = {"headers": {"Content-Encoding": "gzip"}, "content_type": "application/json"}
    assert send(admin, "POST", "/tags", data=b'{"name": "Tea"}', **options).status_code == 415


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=ten",
        "limit=1&limit=2",
        "page=0",
        "page=10001",
        "page=1&cursor=x",
        "count=perhaps",
    ],
)
def test_a_pagination_parameter_out_of_range_is_rejected_not_capped(admin: Caller, query: str) -> None:
    assert send(admin, "GET", f"/posts?{query}").status_code == 400


def test_a_cursor_of_another_sort_order_or_list_is_rejected(admin: Caller) -> None:
    for name in ("Tea", "Coffee"):
        admin.post("/tags", {"name": name})
        admin.post("/categories", {"name": name})
    cursor = admin.get("/tags?limit=1").json["page"]["next"]
    assert send(admin, "GET", f"/tags?limit=1&cursor={cursor}").status_code == 200
    assert send(admin, "GET", f"/tags?limit=1&sort=-name&cursor={cursor}").status_code == 400
    assert send(admin, "GET", f"/posts?limit=1&cursor={cursor}").status_code == 400


def test_several_values_are_separated_by_commas_or_the_parameter_is_repeated(admin: Caller) -> None:
    for name in ("Tea", "Coffee", "Milk"):
        admin.post("/tags", {"name": name})
    for query in ("name[in]=Tea,Milk", "name[in]=Tea&name[in]=Milk"):
        assert [tag["name"] for tag in admin.get(f"/tags?{query}").json["data"]] == ["Milk", "Tea"]
    assert send(admin, "GET", "/tags?name=Tea&name=Milk").status_code == 400


def test_a_pattern_that_the_database_rejects_is_a_400(admin: Caller) -> None:
    admin.post("/tags", {"name": "Tea"})
    assert send(admin, "GET", "/tags?name[like]=" + quote("T\\")).status_code == 400


def test_a_statement_beyond_the_limits_of_the_database_is_a_client_error(app: Flask) -> None:
    with pytest.raises(peewee.OperationalError, match="more than 100 arguments") as caught:
        databases.blog.execute_sql(f"SELECT concat({', '.join('0' * 101)})")
    with app.test_request_context(method="POST"):
        assert as_problem(caught.value).status == 422


def test_an_unknown_parameter_is_answered_with_those_that_the_list_has(app: Flask) -> None:
    admin = sign_up(app, "admin")
    with_search, without = (admin.get(f"{path}?x=1", status=400).json["detail"] for path in ("/posts", "/tags"))
    assert "fields, include, q, or[n][field], and filters on" in with_search
    assert " q," not in without
    assert " include," not in without
    assert admin.get("/tags?q=tea", status=400).json["errors"][0]["parameter"] == "q"
