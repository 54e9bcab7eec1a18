"""The parameters of an operation in OpenAPI: path, query string and request headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.requests.filter_parameters import MAX_LIST_VALUES, MAX_VALUE_LENGTH, filters_of
from blog_app.api.requests.query_string import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, MAX_SEARCH_LENGTH
from blog_app.api.resources.filters import TEXT_OPERATORS, Filter
from blog_app.api.resources.nested_includes import include_paths
from blog_app.api.resources.schema import Schema, readable_columns, schema_instance

PATH_PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
DESCRIPTIONS = {"key": "Identifier or slug."}
PATH_SCHEMAS: dict[str, Json] = {"uuid": {"type": "string", "format": "uuid"}, "int": {"type": "integer", "minimum": 0}}
OPERATOR_DESCRIPTIONS = {
    "eq": "equals.",
    "ne": "does not equal.",
    "gt": "greater than.",
    "gte": "greater than or equal to.",
    "lt": "less than.",
    "lte": "less than or equal to.",
    "between": "between two values, both included.",
    "in": "one of these values.",
    "not_in": "none of these values.",
    "like": "matches this pattern (`%` any text, `_` any character).",
    "ilike": "matches this pattern, ignoring case.",
    "starts_with": "starts with, ignoring case.",
    "ends_with": "ends with, ignoring case.",
    "contains": "contains, ignoring case.",
    "is_null": "is null (`true`) or not (`false`).",
}


def _header(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "header", "description": description, "schema": {"type": "string", **schema}}


HEADERS = {
    "RequestId": _header(
        "X-Request-Id",
        "Your id for this request, up to 64 of `A-Za-z0-9._-`; the response repeats it. Any other value is replaced.",
    ),
    "IfMatch": _header("If-Match", "The `ETag` that you read. If the resource has changed since: 412."),
    "IfNoneMatch": _header("If-None-Match", "The `ETag` that you have. If it has not changed: 304."),
    "Range": _header("Range", "The byte range to return, such as `bytes=0-999`."),
    "IfRange": _header(
        "If-Range", "The `ETag` of the file that `Range` is for. If it has changed, the whole file is returned."
    ),
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "A unique value, such as a UUID. A retry with the same key returns the first response and has no further "
        "effect. Keys expire after 24 hours.",
        pattern="^[\\x21-\\x7e]{1,100}$",
    ),
}


def parameters(operation: Operation, path: str, components: Components) -> Iterator[Json | str]:
    """Yield the parameters of an operation at the Flask rule `path`; a string is the name of a shared component."""
    yield from path_parameters(path)
    if operation.response and operation.response.opts.model:
        yield from _fieldset(operation.response)
        if operation.is_list:
            yield from _list(operation.response, components)
        if operation.parameters:
            yield from _extra(operation.parameters, components)
    yield from _headers(operation)


def path_parameters(path: str) -> Iterator[Json]:
    """Yield the parameters in the Flask rule `path`."""
    for converter, name in PATH_PARAMETER.findall(path):
        schema = PATH_SCHEMAS.get(converter, {"type": "string", "minLength": 1})
        text = DESCRIPTIONS.get(name, "Identifier." if name.endswith("_id") else "")
        yield {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _headers(operation: Operation) -> Iterator[str]:
    yield "RequestId"
    if operation.method == "GET":
        yield "IfNoneMatch"
    if operation.replayable:
        yield "IdempotencyKey"
    if operation.is_download:
        yield from ("Range", "IfRange")
    elif operation.load:
        yield "IfMatch"


def _fieldset(schema: type[Schema]) -> Iterator[Json]:
    yield _names("fields", "Fields to return; all by default.", list(readable_columns(schema)))
    paths = include_paths(schema)
    if names := [*paths, *schema.opts.per_caller]:
        yield _names("include", "Related objects to include, also what is in them.", names)
    for path, (include, _) in paths.items():
        fields = [name for name, field in schema_instance(include.schema).fields.items() if not field.load_only]
        yield _names(f"fields[{path}]", f"Fields to return of what `include={path}` adds.", fields)


def _extra(parameters: type[Schema], components: Components) -> Iterator[Json]:
    for name, field in schema_instance(parameters).fields.items():
        text = field.metadata.get("description", "")
        yield {**_query(name, text, **components.parameter_value(field)), "required": field.required}


def _list(schema: type[Schema], components: Components) -> Iterator[Json]:
    options = schema.opts
    searched = options.search.fields if options.search else ()
    sortable = dict.fromkeys([*options.sortable, *options.orders, *searched, options.key])
    yield _query("limit", "Objects per page.", type="integer", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
    yield _query("cursor", "`page.next` or `page.previous` of another page.", type="string", minLength=1)
    yield _query("page", "Page number, instead of a cursor.", type="integer", minimum=1, maximum=MAX_PAGE)
    yield _query("count", "Whether to return `page.total`.", type="boolean", default=False)
    orders = [name for each in sortable for name in (each, f"-{each}")]
    text = f"Sort order, `-` for descending. Default: `{','.join(options.sort)}`."
    yield _names("sort", text, orders, uniqueItems=True)
    if options.search:
        yield _query("q", "Full-text search.", type="string", minLength=1, maxLength=MAX_SEARCH_LENGTH, pattern=r"\S")
    filters = filters_of(schema)
    for name, each in filters.items():
        if each.keyed:
            yield _keyed(name, _operand(each, "eq", components))
        for operator in each.operators:
            parameter = name if operator == "eq" else f"{name}[{operator}]"
            operand = _operand(each, operator, components)
            yield _query(parameter, f"Filter: {OPERATOR_DESCRIPTIONS[operator]}", **operand)
    if filters:
        yield _alternatives(filters, components)


def _alternatives(filters: Any, components: Components) -> Json:
    """Describe `or[0][field][operator]`: the keys of an exploded object are the names of the parameters."""
    properties = {}
    for name, each in filters.items():
        for operator in each.operators:
            suffix = r"(\[eq\])?" if operator == "eq" else rf"\[{operator}\]"
            key = rf"^or\[\d{{1,2}}\]\[{name}\]{suffix}$"
            operand = _operand(each, operator, components)
            properties[key] = {"type": "string"} if operand.get("type") == "array" else operand
    return {
        "name": "or",
        "in": "query",
        "description": "Alternatives, such as `or[0][title][contains]=tea&or[1][slug]=coffee`: an object matches "
        "if it meets all conditions with one number.",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "patternProperties": properties, "additionalProperties": False},
        "example": {},
    }


def _operand(each: Filter, operator: str, components: Components) -> Json:
    text = {"type": "string", "maxLength": MAX_VALUE_LENGTH}
    value = components.parameter_value(each.field)
    if value == {"type": "string"}:
        value = text
    match operator:
        case "is_null":
            return {"type": "boolean"}
        case "in" | "not_in":
            return {"type": "array", "items": value, "minItems": 1, "maxItems": MAX_LIST_VALUES}
        case "between":
            return {"type": "array", "items": value, "minItems": 2, "maxItems": 2}
        case _:
            return text if operator in TEXT_OPERATORS else value


def _keyed(name: str, value: Json) -> Json:
    """Describe `metadata[colour]=red`: the names of an object's properties are in the brackets."""
    schema = {"type": "object", "additionalProperties": value}
    text = f"Filter: by the values of keys, such as `{name}[colour]=red`."
    return {"name": name, "in": "query", "description": text, "style": "deepObject", "explode": True, "schema": schema}


def _names(name: str, description: str, allowed: list[str], **keywords: Any) -> Json:
    return _query(name, description, type="array", items={"type": "string", "enum": allowed}, minItems=1, **keywords)


def _query(name: str, description: str, **schema: Any) -> Json:
    """Return a query parameter; the values of an array are separated by commas."""
    style = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return {"name": name, "in": "query", "description": description, "schema": schema, **style}
