"""The document itself: every operation of every blueprint, with who may use it."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from flask import Flask

from blog_app.api.blueprint import operations_of
from blog_app.api.openapi import responses
from blog_app.api.openapi.parameters import HEADERS, PATH_PARAMETER, parameters, path_parameters
from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.resources.schema import requires_body
from blog_app.errors import NotFound
from blog_app.permissions import PERMISSIONS, Rule, Scope

VERSION = "1.0.0"
DESCRIPTION = """
A blog platform's backend: posts and their readers, a small shop, friends, files, and the numbers about all of it.

* **Sign in** with `POST /api/v1/tokens`, then send `Authorization: Bearer TOKEN` (here: the *Authorize* button).
* **Lists** come in pages: follow `page.next` with `cursor=`, or the `Link` header; `page=2` counts pages instead, and
  `count=true` adds the total.
* **Filters** name a field and an operator: `published_at[gte]=2026-01-01T00:00:00Z&title[contains]=tea`;
  alternatives go in groups: `or[0][status]=draft&or[1][title][starts_with]=On`.
* **Shape**: `fields=id,title` reads less, `include=author` adds related objects, `sort=-created_at,title` orders.
* **Changes without loss**: send the `ETag` that you read as `If-Match`. `PUT` replaces all writable fields, `PATCH` is
  a JSON Merge Patch (RFC 7396).
* **Retries without doubles**: send an `Idempotency-Key` with each POST.
* **Errors** are `application/problem+json` (RFC 9457); their `type` leads to an explanation.
"""
FILE: Json = {
    "description": "The file: as the one of a form, or as it is.",
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "contentMediaType": "application/octet-stream"}},
                "required": ["file"],
            }
        },
        "application/octet-stream": {},
    },
}
SCOPES = {Scope.PUBLIC: "what is public", Scope.OWN: "their own", Scope.ALL: "everything"}


def document(app: Flask) -> Json:
    """Return the OpenAPI document of everything that `app` serves."""
    spec = APISpec(
        title="Blog API",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        servers=[{"url": "/"}],
    )
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
    summary, _, text = (operation.view.__doc__ or "").strip().partition("\n")
    found: Json = {
        "operationId": operation.view.__name__ + ("_partly" if operation.method == "PATCH" else ""),
        "tags": [operation.tag],
        "summary": summary,
        "description": f"{text.strip()}\n\n{_allowed(rule)}".strip(),
        "parameters": list(parameters(operation, path, components)),
        "responses": responses.responses(operation, path, components),
        "security": _security(rule),
        "x-permissions": {role: scope.name.lower() for role, scope in rule._asdict().items()},
    }
    if operation.takes:
        found["requestBody"] = _body(operation, components)
    if operation.keep:
        found["requestBody"] = FILE
    return found


def _page(app: Flask, endpoint: str, path: str) -> Json:
    """Describe what is served beside the API, for anybody: whether the site lives, its documentation."""
    gone = {"404": {"$ref": f"#/components/responses/{NotFound.__name__}"}} if "<" in path else {}
    return {
        "operationId": endpoint.rpartition(".")[2],
        "tags": ["site"],
        "summary": (app.view_functions[endpoint].__doc__ or "").strip(),
        "parameters": list(path_parameters(path)),
        "responses": {"200": {"description": "OK"}, **gone, "503": {"description": "Something is away."}},
        "security": [],
    }


def _body(operation: Operation, components: Components) -> Json:
    assert operation.takes
    if operation.method == "PATCH":
        schema = components.patch(operation.takes)
        types = ["application/merge-patch+json", "application/json"]
    else:
        schema = components.body(operation.takes)
        types = ["application/json"]
    content: dict[str, Any] = {each: {"schema": schema} for each in types}
    return {"required": requires_body(operation.takes), "content": content}


def _security(rule: Rule) -> list[Json]:
    """Say whether a token is needed, or taken because it shows more, or of no use."""
    if rule.anonymous is Scope.NO:
        return [{"token": []}]
    return [{}, {"token": []}] if len(set(rule)) > 1 else []


def _allowed(rule: Rule) -> str:
    """Say in words who may use an operation, and on whose objects."""
    if rule.anonymous is not Scope.NO and len(set(rule)) == 1:
        return "**Allowed** to everybody."
    by_scope: dict[Scope, list[str]] = {}
    for role, scope in rule._asdict().items():
        if scope is not Scope.NO:
            by_scope.setdefault(scope, []).append(role)
    allowed = [f"{', '.join(roles)}: {SCOPES[scope]}" for scope, roles in by_scope.items()]
    return f"**Allowed:** {'; '.join(allowed)}."
