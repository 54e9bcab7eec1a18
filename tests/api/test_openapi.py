"""The OpenAPI document and the page that shows it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openapi_spec_validator import OpenAPIV31SpecValidator

from blog_app import permissions
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
