"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from blog_app import permissions
from blog_app.api.openapi.responses import SERVER_ERRORS
from blog_app.errors import PROBLEM_TYPES


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for operation in pages(document) if "site" not in operation["tags"]]


def pages(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_it_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OpenAPIV31SpecValidator(document).validate()


def test_every_operation_has_a_unique_id_and_a_summary(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in pages(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in pages(document))


def test_every_operation_documents_its_permissions(document: dict[str, Any], app: Flask) -> None:
    described = {tuple(operation["x-permissions"].values()) for operation in operations(document)}
    assert described == {tuple(scope.name.lower() for scope in rule) for rule in permissions.PERMISSIONS.values()}


def test_every_error_is_a_problem_document_and_503_is_documented(document: dict[str, Any]) -> None:
    for operation in operations(document):
        errors = {status: reference for status, reference in operation["responses"].items() if status >= "400"}
        assert {"400", "401", "503"} <= set(errors)
        for reference in errors.values():
            response = document["components"]["responses"][reference["$ref"].rpartition("/")[2]]
            assert list(response["content"]) == ["application/problem+json"]


def test_what_the_server_refuses_before_the_app_is_documented_everywhere(document: dict[str, Any]) -> None:
    # tests/test_serving.py provokes each of them.
    for operation in pages(document):
        assert {str(status.value) for status in SERVER_ERRORS} | {"400"} <= set(operation["responses"])


HEADERS = (
    {},
    {"If-None-Match": "*"},
    {"If-Match": '"x"'},
    {"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
    {"If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"},
    {"Range": "bytes=0-1"},
    {"Range": "bytes=999999999-"},
    {"Range": "tea"},
    {"Authorization": "Basic eDp5"},
)


def test_a_page_outside_the_api_answers_only_what_is_documented(document: dict[str, Any], client: FlaskClient) -> None:
    examples = {"file": "rss.xml", "name": "page.js", "year": "2026", "month": "01", "author_id": str(UUID(int=1))}
    for path, operation in ((path, each["get"]) for path, each in document["paths"].items() if "get" in each):
        if "site" in operation["tags"]:
            url = re.sub(r"{(\w+)}", lambda name: examples.get(name[1], "nothing"), path)
            for headers in HEADERS:
                with client.get(url, headers=headers) as response:
                    assert str(response.status_code) in operation["responses"], (url, headers, response.status_code)


def test_the_index_of_the_api_links_to_its_resources(document: dict[str, Any], client: FlaskClient) -> None:
    index = client.get(client.get("/").json["links"]["api"])
    links = {each["href"]: sorted(each["methods"]) for each in index.json["resources"].values()}
    assert links == {
        path: sorted(method.upper() for method in methods)
        for path, methods in document["paths"].items()
        if path.startswith("/api/v1/") and "{" not in path
    }
    assert index.json["resources"]["posts"]["href"] == "/api/v1/posts"
    assert client.get("/api/v1", headers={"If-None-Match": index.headers["ETag"]}).status_code == 304


def test_a_list_documents_its_filters_with_their_operators_and_alternatives(document: dict[str, Any]) -> None:
    parameters = {each.get("name"): each for each in document["paths"]["/api/v1/posts"]["get"]["parameters"]}
    assert {"limit", "cursor", "page", "count", "sort", "fields", "include", "title", "published_at[gte]", "or"} <= set(
        parameters
    )
    alternatives = parameters["or"]["schema"]["patternProperties"]
    assert any(re.search(pattern, "or[12][title][contains]") for pattern in alternatives)


def test_a_patch_takes_any_of_the_writable_fields(document: dict[str, Any]) -> None:
    patch, whole = (document["components"]["schemas"][name] for name in ("ArticlePatch", "ArticleInput"))
    assert "required" not in patch
    assert set(patch["properties"]) == set(whole["properties"])


def test_a_representation_requires_what_is_always_there(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    required, properties = set(schemas["Post"]["required"]), schemas["Post"]["properties"]
    only_on_request = {"author", "category", "tags", "images", "comments", "liked", "snippet", "relevance"}
    assert set(properties) - required == only_on_request
    assert properties["slug"]["type"] == "string"
    assert "null" in schemas["Comment"]["properties"]["content"]["type"]
    assert schemas["Image"]["properties"]["url"]["format"] == "uri"


def test_a_body_requires_its_discriminator_and_nothing_that_has_a_default(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert sorted(schemas["ArticleInput"]["required"]) == ["content", "kind", "title"]
    assert not any("default" in each for each in schemas["ArticleInput"]["properties"].values())


def test_the_content_of_a_file_is_described_as_bytes(document: dict[str, Any]) -> None:
    contents = [
        media
        for operation in pages(document)
        for body in (operation.get("requestBody", {}), *operation["responses"].values())
        for media in body.get("content", {}).values()
    ]
    assert contents
    assert all("schema" in media for media in contents)


def test_an_operation_for_everybody_needs_no_token(document: dict[str, Any]) -> None:
    assert document["paths"]["/api/v1/tokens"]["post"]["security"] == []
    assert document["paths"]["/api/v1/tags"]["get"]["security"] == []
    assert document["paths"]["/api/v1/posts"]["get"]["security"] == [{}, {"token": []}]


def test_it_has_an_etag_and_supports_if_none_match(client: FlaskClient) -> None:
    first = client.get("/openapi.json")
    assert client.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_the_docs_page_loads_nothing_from_other_sites(client: FlaskClient) -> None:
    with client.get("/docs") as page:
        text = page.get_data(as_text=True)
    assert "//" not in text.replace("<!DOCTYPE", "")
    for url in re.findall(r'(?:src|href)="([^"]+)"', text):
        with client.get(url) as part:
            assert part.status_code == 200, url


@pytest.mark.parametrize("name", ["..%2findex.html", "index.html", "swagger-ui.js", "%00"])
def test_the_docs_page_serves_no_other_files(client: FlaskClient, name: str) -> None:
    assert client.get(f"/docs/{name}").status_code == 404


@pytest.mark.parametrize("name", PROBLEM_TYPES)
def test_every_problem_type_is_explained(client: FlaskClient, name: str) -> None:
    explained = client.get(f"/problems/{name}").json
    assert explained["name"] == name
    assert explained["explanation"]
