"""The OpenAPI document: every operation of every blueprint, with its permissions."""

from __future__ import annotations

import inspect
import re

from apispec import APISpec
from flask import Flask

from blog_app.api.blueprint import operations_of
from blog_app.api.openapi import responses
from blog_app.api.openapi.parameters import HEADERS, PATH_PARAMETER, parameters, path_parameters
from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.requests.body import JSON, MERGE_PATCH
from blog_app.api.resources.schema import requires_body
from blog_app.config import VERSION
from blog_app.permissions import PERMISSIONS, ROLES, Rule, Scope

SENTENCE_END = re.compile(r"\.(?:\s+|$)")
"""A docstring's first sentence is the summary, the rest the description."""
DESCRIPTION = """
The backend of a blog platform: posts, comments, a shop, friends, files, and analytics.

* **Authentication**: create a token with `POST /api/v1/tokens` and send it as `Authorization: Bearer TOKEN` (on this
  page: *Authorize*).
* **Pagination**: pass `page.next` as `cursor`, or follow the `Link` header. `page=2` selects a page by number,
  `count=true` adds the total.
* **Filtering**: `published_at[gte]=2026-01-01T00:00:00Z&title[contains]=tea`; alternatives are grouped with `or`:
  `or[0][status]=draft&or[1][title][starts_with]=On`.
* **Sorting**: `sort=-created_at,title`.
* **Sparse fieldsets and includes**: `fields=id,title` returns only these fields, `include=author` adds related objects.
  `include=items.product` adds what is related to those, `fields[author]=name` returns only these fields of them.
* **Updates**: `PUT` replaces all writable fields, `PATCH` is a JSON Merge Patch (RFC 7396). Send the `ETag` as
  `If-Match` to avoid overwriting the changes of others.
* **Safe retries**: send an `Idempotency-Key` with each POST.
* **Errors** are `application/problem+json` (RFC 9457); `type` links to an explanation.
"""
FILE: Json = {
    "description": "The file, in a form or as the raw body.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": responses.BYTES},
                "required": ["file"],
            }
        },
        "application/octet-stream": {"schema": responses.BYTES},
    },
}
SCOPES = {Scope.PUBLIC: "public objects", Scope.OWN: "their own objects", Scope.ALL: "all objects"}


def document(app: Flask) -> Json:
    """Return the OpenAPI document of `app`."""
    spec = APISpec("Blog API", VERSION, "3.1.0", info={"description": DESCRIPTION}, servers=[{"url": "/"}])
    components = Components(spec)
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    for name, header in HEADERS.items():
        spec.components.parameter(name, "header", header)
    responses.register(spec)
    rules = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    for operation in operations_of(app):
        path = rules.pop(operation.rule_endpoint)
        method = operation.method.lower()
        spec.path(PATH_PARAMETER.sub(r"{\2}", path), operations={method: _operation(operation, path, components)})
    for endpoint, path in rules.items():
        spec.path(PATH_PARAMETER.sub(r"{\2}", path), operations={"get": _page(app, endpoint, path)})
    return spec.to_dict()


def _operation(operation: Operation, path: str, components: Components) -> Json:
    rule = PERMISSIONS[operation.endpoint]
    summary, *text = SENTENCE_END.split(inspect.getdoc(operation.view) or "", maxsplit=1)
    described: Json = {
        "operationId": operation.view.__name__ + ("_partly" if operation.method == "PATCH" else ""),
        "tags": [operation.endpoint.partition(".")[0]],
        "summary": summary,
        "description": "\n\n".join([*filter(None, text), _permissions(rule)]),
        "parameters": list(parameters(operation, path, components)),
        "responses": responses.responses(operation, path, components),
        "security": _security(rule),
        "x-permissions": {role: scope.name.lower() for role, scope in rule._asdict().items()},
    }
    if operation.body:
        described["requestBody"] = _body(operation, components)
    if operation.store:
        described["requestBody"] = FILE
    return described


def _page(app: Flask, endpoint: str, path: str) -> Json:
    """Describe an endpoint outside the API, such as health checks and documentation; it needs no token."""
    return {
        "operationId": endpoint.rpartition(".")[2],
        "tags": ["site"],
        "summary": (app.view_functions[endpoint].__doc__ or "").strip().removesuffix("."),
        "parameters": list(path_parameters(path)),
        "responses": responses.page_responses(path, is_file=endpoint in ("docs", "docs_asset")),
        "security": [],
    }


def _body(operation: Operation, components: Components) -> Json:
    assert operation.body
    if operation.method == "PATCH":
        media_type = {"schema": components.patch(operation.body)}
        content = {MERGE_PATCH: media_type, JSON: media_type}
    elif operation.for_all:
        bodies = [components.body(each) for each in (operation.body, operation.for_all.body)]
        content = {JSON: {"schema": {"anyOf": bodies}}}
    else:
        content = {JSON: {"schema": components.body(operation.body)}}
    return {"required": requires_body(operation.body), "content": content}


def _security(rule: Rule) -> list[Json]:
    """Return the security requirement: a token is required, or optional because it shows more, or not used."""
    if rule.anonymous is Scope.NO:
        return [{"token": []}]
    return [] if _is_for_everybody(rule) else [{}, {"token": []}]


def _is_for_everybody(rule: Rule) -> bool:
    """Return whether everybody may do the same, with a token or without."""
    return rule.anonymous is not Scope.NO and all(rule.scope((role,)) is rule.anonymous for role in ROLES)


def _permissions(rule: Rule) -> str:
    """Return a sentence: which roles may use an operation, on whose objects."""
    if _is_for_everybody(rule):
        return "**Permissions:** everybody."
    by_scope: dict[Scope, list[str]] = {}
    for role, scope in rule._asdict().items():
        if scope is not Scope.NO:
            by_scope.setdefault(scope, []).append(role)
    allowed = [f"{', '.join(roles)}: {SCOPES[scope]}" for scope, roles in by_scope.items()]
    return f"**Permissions:** {'; '.join(allowed)}."
