"""JSON Schemas of requests and responses, generated from the marshmallow schemas.

One marshmallow schema becomes up to four components, so that a generated client has a type for each purpose:
`Post` is the representation (with its includes), `PostPage` a page of them, `PostInput` the body of POST and PUT, and
`PostPatch` that of PATCH.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import marshmallow
import peewee
from apispec import APISpec
from apispec.ext.marshmallow.openapi import OpenAPIConverter

from blog_app.api.resources.schema import Schema, readable_columns, schema_instance, writable_fields
from blog_app.api.responses.serializer import MAX_COUNTED

Json = dict[str, Any]


class Components:
    """The schema components of one document, each registered at its first use."""

    def __init__(self, spec: APISpec) -> None:
        self.spec = spec
        self._known: dict[str, type[Schema] | None] = {}
        self._responses = _Converter(spec, self.representation)
        self._bodies = _BodyConverter(spec, self.body)
        self._bodies.add_attribute_function(_decimal_or_number)
        self._bodies.add_attribute_function(_default_in_words)

    def representation(self, schema: type[Schema]) -> Json:
        """Return a reference to the representation of a resource."""
        return self._reference(_name(schema), schema, lambda: self._representation(schema))

    def page(self, schema: type[Schema]) -> Json:
        """Return a reference to a page of a list."""
        self._reference("Page", None, lambda: PAGE)
        properties = {"data": {"type": "array", "items": self.representation(schema)}, "page": self._ref("Page")}
        return self._reference(
            f"{_name(schema)}Page",
            schema,
            lambda: {"type": "object", "properties": properties, "required": ["data", "page"]},
        )

    def body(self, schema: type[Schema]) -> Json:
        """Return a reference to the body of POST and PUT."""
        # The server takes a body without `kind` for the first one, but a discriminator must be required.
        kinds = {name: self._one_body(kind, "kind") for name, kind in schema.opts.kinds.items()}
        if not kinds:
            return self._one_body(schema)
        mapping = {name: kind["$ref"] for name, kind in kinds.items()}
        return {"oneOf": list(kinds.values()), "discriminator": {"propertyName": "kind", "mapping": mapping}}

    def patch(self, schema: type[Schema]) -> Json:
        """Return a reference to the body of PATCH: any of the writable fields, null where a field has a default."""
        kinds = [self._one_patch(kind) for kind in schema.opts.kinds.values()]
        return {"anyOf": kinds} if kinds else self._one_patch(schema)

    def parameter_value(self, field: Any) -> Json:
        """Return the schema of a field as a query parameter."""
        schema = self._responses.field2property(field)
        keywords = ("type", "format", "enum", "minimum", "maximum", "pattern")
        return {key: _without_null(schema[key]) for key in keywords if key in schema}

    def _one_body(self, schema: type[Schema], *required: str) -> Json:
        name = _name(schema)
        if any(field.dump_only for field in schema_instance(schema).fields.values()):
            name += "Input"
        return self._reference(name, schema, lambda: self._body(schema, *required))

    def _one_patch(self, schema: type[Schema]) -> Json:
        return self._reference(f"{_name(schema)}Patch", schema, lambda: self._patch(schema))

    def _representation(self, schema: type[Schema]) -> Json:
        options = schema.opts
        columns = readable_columns(schema) if options.model else {}
        properties = {}
        for name, field in schema_instance(schema).fields.items():
            if not field.load_only:
                value = self._responses.field2property(field)
                for keyword in INPUT_KEYWORDS:
                    value.pop(keyword, None)
                properties[name] = _or_null(value) if _is_nullable(field, columns.get(name)) else _not_null(value)
        # ?fields= may leave out any of them, but a client that sends it knows which.
        on_request = {*options.per_caller, *(options.search.fields if options.search else ())}
        required = [name for name in properties if name not in on_request]
        for name, include in options.includes.items():
            one = self.representation(include.schema)
            related = {"type": "array", "items": one} if include.many else _or_null(one)
            properties[name] = {**related, "description": f"Only with `include={name}`."}
        return {
            "type": "object",
            "description": _description(schema),
            "properties": properties,
            "required": required,
        }

    def _body(self, schema: type[Schema], *required: str) -> Json:
        described = self._bodies.fields2jsonschema(dict(writable_fields(schema)))
        if missing := [name for name in required if name not in described.get("required", [])]:
            described["required"] = [*missing, *described.get("required", [])]
        return {**described, "description": _description(schema), "additionalProperties": False}

    def _patch(self, schema: type[Schema]) -> Json:
        properties = {}
        for name, field in writable_fields(schema).items():
            value = self._bodies.field2property(field)
            properties[name] = value if field.required or field.allow_none else _or_null(value)
        return {
            "type": "object",
            "description": f"{_description(schema)} Omitted fields stay unchanged; null resets a field to its default.",
            "properties": properties,
            "additionalProperties": False,
        }

    def _reference(self, name: str, schema: type[Schema] | None, build: Callable[[], Json]) -> Json:
        if name not in self._known:
            self._known[name] = schema  # Before it is built: schemas may refer to each other.
            self.spec.components.schema(name, build())
        elif self._known[name] is not schema:
            raise TypeError(f"{schema} and {self._known[name]} have the same component name {name}: rename one")
        return self._ref(name)

    def _ref(self, name: str) -> Json:
        return {"$ref": f"#/components/schemas/{name}"}


class _Converter(OpenAPIConverter):
    """apispec's converter for requests or for responses; nested schemas become references of the same direction."""

    field_mapping = {
        **OpenAPIConverter.field_mapping,
        marshmallow.fields.Decimal: ("string", "decimal"),
        marshmallow.fields.Url: ("string", "uri"),
    }

    def __init__(self, spec: APISpec, nested: Any) -> None:
        super().__init__(spec.openapi_version, schema_name_resolver=lambda _: "", spec=spec)
        self.nested = nested

    def resolve_nested_schema(self, schema: Any) -> Json:
        reference: Json = self.nested(type(schema))
        return {"type": "array", "items": reference} if schema.many else reference

    def field2read_only(self, field: Any, **kwargs: Any) -> Json:
        return {}

    def field2write_only(self, field: Any, **kwargs: Any) -> Json:
        return {}


class _BodyConverter(_Converter):
    """The converter for requests, without `default`: openapi-typescript would require every field that has one."""

    def field2default(self, field: Any, **kwargs: Any) -> Json:
        return {}


def _default_in_words(_: Any, field: Any, ret: Json) -> Json:
    default = field.load_default
    if default is marshmallow.missing or default is None or callable(default):
        return {}
    text = f"Default: `{json.dumps(default, default=str)}`."
    return {"description": f"{ret['description']} {text}" if ret.get("description") else text}


def _decimal_or_number(_: Any, field: Any, ret: Json) -> Json:
    """Accept a decimal as a number in requests; responses have a string, because a client's float could change it."""
    if not isinstance(field, marshmallow.fields.Decimal):
        return {}
    return {"type": ["string", "number", *(["null"] if field.allow_none else [])]}


INPUT_KEYWORDS = ("default", "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems")
PAGE: Json = {
    "type": "object",
    "description": "Pagination of a list.",
    "properties": {
        "limit": {"type": "integer", "description": "Maximum number of objects on the page."},
        "next": {
            "type": ["string", "integer", "null"],
            "description": "Cursor (or, with `page`, number) of the next page; null on the last page.",
        },
        "previous": {
            "type": ["string", "integer", "null"],
            "description": "Cursor (or, with `page`, number) of the previous page; null on the first page.",
        },
        "page": {"type": "integer", "description": "Number of this page; only with `page`."},
        "total": {
            "type": ["integer", "null"],
            "description": "Number of objects in the list; only with `count=true` or `page`. Null if more than "
            f"{MAX_COUNTED:,}, unless `count=true`.",
        },
        "ended_early": {
            "type": "boolean",
            "description": "True if the page ended before `limit`, because it would be too large; else left out.",
        },
        "pages": {"type": ["integer", "null"], "description": "Number of pages; only with `page`. Null as `total` is."},
    },
    "required": ["limit", "next", "previous"],
}


def _name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


def _description(schema: type[Schema]) -> str:
    return " ".join((schema.__doc__ or "").split())


def _is_nullable(field: Any, column: Any) -> bool:
    """Return whether a response can have null: a column says so itself, the field says it of an expression."""
    if isinstance(column, peewee.Field):
        return bool(column.null)
    return bool(field.allow_none or field.metadata.get("null_in_responses"))


def _not_null(schema: Json) -> Json:
    """Return a schema that does not allow null."""
    return {key: _without_null(value) if key in ("type", "enum") else value for key, value in schema.items()}


def _or_null(schema: Json) -> Json:
    """Return a schema that also allows null."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    nullable = {**schema, "type": list(dict.fromkeys([*types, "null"]))}
    if "enum" in schema:
        nullable["enum"] = list(dict.fromkeys([*schema["enum"], None]))
    return nullable


def _without_null(value: Any) -> Any:
    """Return the `type` or `enum` of a schema without null: a query string has none."""
    if not isinstance(value, list):
        return value
    remaining = [each for each in value if each not in (None, "null")]
    is_type = len(remaining) == 1 and remaining[0] in ("string", "integer", "number", "boolean")
    return remaining[0] if is_type else remaining
