"""The parameters of the operations: of the path, of the query string, and the request's headers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from blog_app.api.openapi.schemas import Components, Json
from blog_app.api.operation import Operation
from blog_app.api.requests.conditions import MAX_LIST_VALUES, MAX_VALUE_LENGTH, filters_of
from blog_app.api.requests.query_string import DEFAULT_LIMIT, MAX_LIMIT, MAX_PAGE, MAX_SEARCH_LENGTH
from blog_app.api.resources.filters import TEXT, Filter
from blog_app.api.resources.schema import Schema, readable, shared

PATH_PARAMETER = re.compile(r"<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>")
DESCRIPTIONS = {"key": "Its identifier or its slug."}
PATH_SCHEMAS: dict[str, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
}
HEADERS: dict[str, Json] = {
    "RequestId": {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Your name for this request, up to 64 of `A-Za-z0-9._-`: the answer and the logs repeat it. "
        "Anything else is replaced.",
        "schema": {"type": "string"},
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "description": "The `ETag` that you read: 412 if somebody has changed the resource since.",
        "schema": {"type": "string"},
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` that you have: 304 if nothing has changed.",
        "schema": {"type": "string"},
    },
    "Range": {
        "name": "Range",
        "in": "header",
        "description": "The part that is wanted, such as `bytes=0-999`.",
        "schema": {"type": "string"},
    },
    "IfRange": {
        "name": "If-Range",
        "in": "header",
        "description": "The `ETag` of the file of which a part is wanted: all of it is sent if it is another by now.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A value of your own, such as a UUID: a retry with the same key gets the first answer and "
        "does nothing again. Keys are kept for a day.",
        "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,100}$"},
    },
}


def parameters(operation: Operation, path: str, components: Components) -> Iterator[Json | str]:
    """Yield the parameters of an operation that is routed at the Flask rule `path`; a name stands for a shared one."""
    yield from path_parameters(path)
    if operation.answers and shared(operation.answers).opts.model:
        yield from _shape(operation.answers)
        if operation.many:
            yield from _list(operation.answers, components)
        yield from _own(operation, components)
    yield from _headers(operation)


def path_parameters(path: str) -> Iterator[Json]:
    """Yield the parameters that the Flask rule `path` names."""
    for converter, name in PATH_PARAMETER.findall(path):
        schema = PATH_SCHEMAS.get(converter, {"type": "string", "minLength": 1})
        text = DESCRIPTIONS.get(name, "Its identifier." if name.endswith("_id") else "")
        yield {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _headers(operation: Operation) -> Iterator[str]:
    yield "RequestId"
    if operation.method == "GET":
        yield "IfNoneMatch"
    if operation.method == "POST" and operation.replayable:
        yield "IdempotencyKey"
    if operation.load and not operation.answers_file:
        yield "IfMatch"
    if operation.answers_file:
        yield from ("Range", "IfRange")


def _shape(schema: type[Schema]) -> Iterator[Json]:
    yield _names("fields", "Only these fields; the others are not even read.", list(readable(schema)))
    if shared(schema).opts.includes:
        yield _names("include", "Related objects to add.", list(shared(schema).opts.includes))


def _own(operation: Operation, components: Components) -> Iterator[Json]:
    if operation.parameters:
        for name, field in shared(operation.parameters).fields.items():
            text = field.metadata.get("description", "")
            yield {**_query(name, text, **components.value(field)), "required": field.required}


def _list(schema: type[Schema], components: Components) -> Iterator[Json]:
    options = shared(schema).opts
    searched = options.search.fields if options.search else ()
    sortable = dict.fromkeys([*options.sortable, *searched, options.key])
    yield _query("limit", "Rows on a page.", type="integer", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
    yield _query("cursor", "`page.next` or `page.previous` of another page of this list.", type="string", minLength=1)
    yield _query("page", "The number of a page, instead of a cursor.", type="integer", minimum=1, maximum=MAX_PAGE)
    yield _query("count", "Whether `page.total` is wanted.", type="boolean", default=False)
    orders = [name for each in sortable for name in (each, f"-{each}")]
    default = list(options.sort)
    yield _names("sort", f"The order, `-` for descending; `{','.join(default)}` without it.", orders, uniqueItems=True)
    if options.search:
        yield _query(
            "q", "Words to search for.", type="string", minLength=1, maxLength=MAX_SEARCH_LENGTH, pattern=r"\S"
        )
    filters = filters_of(schema)
    for name, found in filters.items():
        for operator in found.operators:
            parameter = name if operator == "eq" else f"{name}[{operator}]"
            yield {
                **_array(_operand(found, operator, components)),
                "name": parameter,
                "description": f"Filter: {MEANINGS[operator]}",
            }
    if filters:
        yield _alternatives(filters, components)


def _alternatives(filters: Any, components: Components) -> Json:
    """Describe `or[0][field][operator]`: an exploded object's keys are the parameters themselves."""
    properties = {}
    for name, found in filters.items():
        for operator in found.operators:
            suffix = r"(\[eq\])?" if operator == "eq" else rf"\[{operator}\]"
            key = rf"^or\[\d{{1,2}}\]\[{name}\]{suffix}$"
            operand = _operand(found, operator, components)
            properties[key] = {"type": "string"} if operand.get("type") == "array" else operand
    return {
        "name": "or",
        "in": "query",
        "description": "Alternatives, such as `or[0][title][contains]=tea&or[1][slug]=coffee`: a row must fit all "
        "conditions of one number.",
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "patternProperties": properties, "additionalProperties": False},
        "example": {},
    }


def _operand(found: Filter, operator: str, components: Components) -> Json:
    value = components.value(found.field)
    if value == {"type": "string"}:
        value["maxLength"] = MAX_VALUE_LENGTH
    if operator == "is_null":
        return {"type": "boolean"}
    if operator in TEXT:
        return {"type": "string", "maxLength": MAX_VALUE_LENGTH}
    if operator in ("in", "not_in"):
        return {"type": "array", "items": value, "minItems": 1, "maxItems": MAX_LIST_VALUES}
    if operator == "between":
        return {"type": "array", "items": value, "minItems": 2, "maxItems": 2}
    return value


def _names(name: str, description: str, allowed: list[str], **more: Any) -> Json:
    schema = {"type": "array", "items": {"type": "string", "enum": allowed}, "minItems": 1, **more}
    return {**_array(schema), "name": name, "description": description}


def _array(schema: Json) -> Json:
    """Describe a query parameter whose several values, if it takes them, are separated by commas."""
    style = {"style": "form", "explode": False} if schema.get("type") == "array" else {}
    return {"in": "query", "schema": schema, **style}


def _query(name: str, description: str, **schema: Any) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


MEANINGS = {
    "eq": "is this.",
    "ne": "is not this.",
    "gt": "is more than this.",
    "gte": "is this or more.",
    "lt": "is less than this.",
    "lte": "is this or less.",
    "between": "is from the first to the second, both included.",
    "in": "is one of these.",
    "not_in": "is none of these.",
    "like": "fits this pattern (`%` any text, `_` any character).",
    "ilike": "fits this pattern, in upper or lower case.",
    "starts_with": "begins with this, in upper or lower case.",
    "ends_with": "ends with this, in upper or lower case.",
    "contains": "contains this, in upper or lower case.",
    "is_null": "has no value (`true`) or has one (`false`).",
}
