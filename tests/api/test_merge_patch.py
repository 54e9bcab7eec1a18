"""JSON Merge Patch: the examples of RFC 7396, appendix A, and what PATCH makes of null."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from blog_app.api.requests.body import merge_patch
from tests.helpers.caller import sign_up

EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), EXAMPLES)
def test_the_examples_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


def test_null_resets_a_field_to_its_default_and_is_rejected_where_there_is_none(app: Flask) -> None:
    editor = sign_up(app, "editor")
    category = editor.post("/categories", {"name": "Kitchen", "description": "Where tea is made."}).json
    assert editor.patch(f"/categories/{category['id']}", {"description": None}).json["description"] == ""
    rejected = editor.patch(f"/categories/{category['id']}", {"name": None}, status=422)
    assert rejected.json["errors"][0]["pointer"] == "/name"


def test_a_patch_may_have_the_media_type_merge_patch_or_json(app: Flask) -> None:
    editor = sign_up(app, "editor")
    tag = editor.post("/tags", {"name": "Tea"}).json
    client, headers = app.test_client(), {"Authorization": f"Bearer {editor.token}"}
    for number, media_type in enumerate(("application/merge-patch+json", "application/json")):
        body = f'{{"name": "Tea {number}"}}'
        response = client.patch(f"/api/v1/tags/{tag['id']}", data=body, content_type=media_type, headers=headers)
        assert response.json["name"] == f"Tea {number}"
