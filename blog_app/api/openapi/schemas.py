"""JSON Schemas of what is sent and answered, made from the marshmallow schemas.

One marshmallow schema becomes up to four components, so that a generated client has a type for each purpose:
`Post` is answered (with its includes), `PostPage` is a list of them, `PostInput` is what POST and PUT take, `PostPatch`
what PATCH takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import marshmallow
import peewee
from apispec import APISpec
from apispec.ext.marshmallow.openapi import OpenAPIConverter

from blog_app.api.resources.schema import Schema, readable, shared

Json = dict[str, Any]


class Components:
    """The schemas of one document, each registered when it is first asked for."""

    def __init__(self, spec: APISpec) -> None:
        self.spec = spec
        self._known: dict[str, type[Schema] | None] = {}
        self._answers = _Converter(spec, self.answer)
        self._bodies = _Converter(spec, self.body)
        self._bodies.add_attribute_function(_decimal_as_number_too)

    def answer(self, schema: type[Schema]) -> Json:
        """Return a reference to the representation of a resource."""
        return self._reference(_name(schema), schema, lambda: self._answer(schema))

    def page(self, schema: type[Schema]) -> Json:
        """Return a reference to a page of a list."""
        self._reference("Page", None, lambda: PAGE)
        properties = {"data": {"type": "array", "items": self.answer(schema)}, "page": self._ref("Page")}
        return self._reference(
            f"{_name(schema)}Page",
            schema,
            lambda: {"type": "object", "properties": properties, "required": ["data", "page"]},
        )

    def body(self, schema: type[Schema]) -> Json:
        """Return a reference to what POST and PUT take."""
        kinds = {name: self._one_body(kind) for name, kind in shared(schema).opts.kinds.items()}
        if not kinds:
            return self._one_body(schema)
        mapping = {name: kind["$ref"] for name, kind in kinds.items()}
        return {"oneOf": list(kinds.values()), "discriminator": {"propertyName": "kind", "mapping": mapping}}

    def patch(self, schema: type[Schema]) -> Json:
        """Return a reference to what PATCH takes: any of the writable fields, null where a field has a default."""
        kinds = [self._one_patch(kind) for kind in shared(schema).opts.kinds.values()]
        return {"anyOf": kinds} if kinds else self._one_patch(schema)

    def value(self, field: Any) -> Json:
        """Return the schema of a field's value in a parameter."""
        found = self._answers.field2property(field)
        kept = ("type", "format", "enum", "minimum", "maximum", "pattern")
        return {key: _without_null(found[key]) for key in kept if key in found}

    def _one_body(self, schema: type[Schema]) -> Json:
        name = _name(schema)
        if any(field.dump_only for field in shared(schema).fields.values()):
            name += "Input"
        return self._reference(name, schema, lambda: self._body(schema))

    def _one_patch(self, schema: type[Schema]) -> Json:
        return self._reference(f"{_name(schema)}Patch", schema, lambda: self._patch(schema))

    def _answer(self, schema: type[Schema]) -> Json:
        options = shared(schema).opts
        columns = readable(schema) if options.model else {}
        properties = {}
        for name, field in shared(schema).fields.items():
            if not field.load_only:
                found = self._answers.field2property(field)
                for limit in LIMITS_OF_INPUT:
                    found.pop(limit, None)
                column = columns.get(name)
                is_nullable = isinstance(column, peewee.Field) and column.null
                properties[name] = _or_null(found) if is_nullable and not field.allow_none else found
        # A resource's fields may be left out by ?fields=, so none is certain to be there.
        required = {} if options.model else {"required": list(properties)}
        for name, include in options.includes.items():
            one = self.answer(include.schema)
            related = {"type": "array", "items": one} if include.many else _or_null(one)
            properties[name] = {**related, "description": f"Only with `include={name}`."}
        return {"type": "object", "description": _description(schema), "properties": properties, **required}

    def _body(self, schema: type[Schema]) -> Json:
        fields = _writable(schema)
        found = self._bodies.fields2jsonschema(fields)
        return {**found, "description": _description(schema), "additionalProperties": shared(schema).unknown != "raise"}

    def _patch(self, schema: type[Schema]) -> Json:
        properties = {}
        for name, field in _writable(schema).items():
            found = self._bodies.field2property(field)
            found.pop("default", None)
            properties[name] = found if field.required or field.allow_none else _or_null(found)
        return {
            "type": "object",
            "description": f"{_description(schema)} What is left out stays; null resets a field to its default.",
            "properties": properties,
            "additionalProperties": False,
        }

    def _reference(self, name: str, schema: type[Schema] | None, build: Callable[[], Json]) -> Json:
        if name not in self._known:
            self._known[name] = schema  # First, because schemas may refer to one another in a circle.
            self.spec.components.schema(name, build())
        elif self._known[name] is not schema:
            raise TypeError(f"{schema} and {self._known[name]} would both be documented as {name}: rename one")
        return self._ref(name)

    def _ref(self, name: str) -> Json:
        return {"$ref": f"#/components/schemas/{name}"}


class _Converter(OpenAPIConverter):
    """apispec's converter for one direction; nested schemas become references of that direction."""

    field_mapping = {**OpenAPIConverter.field_mapping, marshmallow.fields.Decimal: ("string", "decimal")}

    def __init__(self, spec: APISpec, nested: Any) -> None:
        super().__init__(spec.openapi_version, schema_name_resolver=lambda _: "", spec=spec)
        self.nested = nested

    def resolve_nested_schema(self, schema: Any) -> Json:
        found: Json = self.nested(type(schema))
        return {"type": "array", "items": found} if schema.many else found

    def field2read_only(self, field: Any, **kwargs: Any) -> Json:
        return {}

    def field2write_only(self, field: Any, **kwargs: Any) -> Json:
        return {}


def _decimal_as_number_too(_: Any, field: Any, ret: Json) -> Json:
    """Allow an amount to be sent as a number; it is answered as text, because a client's float would change it."""
    if not isinstance(field, marshmallow.fields.Decimal):
        return {}
    return {"type": ["string", "number", *(["null"] if field.allow_none else [])]}


LIMITS_OF_INPUT = ("default", "minLength", "maxLength", "pattern", "minimum", "maximum", "minItems", "maxItems")
PAGE: Json = {
    "type": "object",
    "description": "Where a page stands in its list.",
    "properties": {
        "limit": {"type": "integer", "description": "The most rows that the page could have."},
        "next": {
            "type": ["string", "integer", "null"],
            "description": "The cursor (or, with `page`, the number) of the next page, null on the last.",
        },
        "previous": {
            "type": ["string", "integer", "null"],
            "description": "The cursor (or, with `page`, the number) of the page before, null on the first.",
        },
        "page": {"type": "integer", "description": "Only with `page`: the number of this page."},
        "total": {"type": "integer", "description": "Only with `count=true`: how many rows the whole list has."},
    },
    "required": ["limit", "next", "previous"],
}


def _name(schema: type[Schema]) -> str:
    return schema.__name__.removesuffix("Schema")


def _description(schema: type[Schema]) -> str:
    return " ".join((schema.__doc__ or "").split())


def _writable(schema: type[Schema]) -> dict[str, Any]:
    return {name: field for name, field in shared(schema).fields.items() if not field.dump_only}


def _or_null(schema: Json) -> Json:
    """Return a schema that also allows null."""
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    found = {**schema, "type": list(dict.fromkeys([*types, "null"]))}
    if "enum" in schema:
        found["enum"] = list(dict.fromkeys([*schema["enum"], None]))
    return found


def _without_null(value: Any) -> Any:
    """Return a schema's `type` or `enum` without null: in a query string there is none."""
    if not isinstance(value, list):
        return value
    kept = [each for each in value if each not in (None, "null")]
    return kept[0] if len(kept) == 1 and kept[0] in ("string", "integer", "number", "boolean") else kept
