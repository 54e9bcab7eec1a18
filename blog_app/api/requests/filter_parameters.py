"""Filters in the query string: allowed fields, allowed operators, validated values.

`?price[gte]=50&status=published&or[0][title][contains]=tea&or[1][featured]=true`: conditions are combined with AND,
the groups of `or` with OR, the conditions inside a group with AND. The schema's own fields parse the values: a filter
on an integer accepts integers only. No operator takes a regular expression: matching one can take exponential time.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping
from functools import cache, reduce
from typing import Any

import marshmallow
import peewee
from marshmallow import fields as ma_fields

from blog_app.api.resources.fields import require_storable
from blog_app.api.resources.filters import TEXT_OPERATORS, Filter, column_filter, has_choices
from blog_app.api.resources.schema import Schema, readable_columns, schema_instance
from blog_app.errors import bad_parameter

MAX_CONDITIONS = 20
MAX_LIST_VALUES = 100
MAX_VALUE_LENGTH = 500

PARAMETER = re.compile(r"(?:or\[(?P<group>\d{1,2})\]\[(?P<grouped>\w+)\]|(?P<name>\w+))(?:\[(?P<operator>[^\[\]]+)\])?")
INTEGER = re.compile(r"-?[0-9]{1,20}")


@cache
def filters_of(schema: type[Schema]) -> Mapping[str, Filter]:
    """Return the filters of a list of this schema, by name."""
    fields, columns = schema_instance(schema).fields, readable_columns(schema)
    return {name: column_filter(fields[name], columns[name]) for name in schema.opts.filterable} | schema.opts.filters


def parse_filters(schema: type[Schema], parameters: Iterable[tuple[str, str]]) -> list[peewee.Expression]:
    """Return the SQL conditions of the filter parameters; raise `BadRequest` naming the one that is not allowed."""
    parameters = list(parameters)
    if len(parameters) > MAX_CONDITIONS:
        raise bad_parameter(parameters[MAX_CONDITIONS][0], f"At most {MAX_CONDITIONS} filters are allowed.")
    conditions: list[peewee.Expression] = []
    groups: dict[int, list[peewee.Expression]] = {}
    for parameter, text in parameters:
        match = PARAMETER.fullmatch(parameter)
        if match is None:
            raise _unknown_parameter(schema, parameter)
        condition = _condition(schema, parameter, match["grouped"] or match["name"], match["operator"], text)
        if match["group"]:
            groups.setdefault(int(match["group"]), []).append(condition)
        else:
            conditions.append(condition)
    if groups:
        conditions.append(reduce(operator.or_, [reduce(operator.and_, group) for group in groups.values()]))
    return conditions


def _condition(
    schema: type[Schema], parameter: str, name: str, operator_name: str | None, text: str
) -> peewee.Expression:
    allowed = filters_of(schema)
    if name not in allowed:
        raise _unknown_parameter(schema, parameter)
    chosen = allowed[name]
    if chosen.keyed and operator_name is None:
        raise bad_parameter(parameter, f"Must name a key: {name}[key].")
    operator_name = operator_name or "eq"
    if not chosen.keyed and operator_name not in chosen.operators:
        raise bad_parameter(parameter, f"Unknown operator {operator_name!r}. Allowed: {', '.join(chosen.operators)}.")
    if len(text) > MAX_VALUE_LENGTH:
        raise bad_parameter(parameter, f"Must have at most {MAX_VALUE_LENGTH} characters.")
    try:
        require_storable(operator_name)
        if chosen.keyed:
            return chosen.condition(operator_name, parse_value(chosen.field, text))
        return chosen.condition(operator_name, _value(chosen.field, operator_name, text))
    except marshmallow.ValidationError as error:
        raise bad_parameter(parameter, " ".join(map(str, error.messages))) from error


def _value(field: ma_fields.Field[Any], operator_name: str, text: str) -> Any:
    match operator_name:
        case "is_null":
            return ma_fields.Boolean().deserialize(text)
        case "in" | "not_in" | "between":
            parts = text.split(",")
            if operator_name == "between" and len(parts) != 2:
                raise marshmallow.ValidationError("Must be two values separated by a comma.")
            if len(parts) > MAX_LIST_VALUES:
                raise marshmallow.ValidationError(f"Must have at most {MAX_LIST_VALUES} values.")
            return [parse_value(field, part) for part in parts]
        case _ if operator_name in TEXT_OPERATORS:
            require_storable(text)
            return text
        case _:
            return parse_value(field, text)


def parse_value(field: ma_fields.Field[Any], text: str) -> Any:
    """Return `text` parsed as a value of the field; raise `ValidationError` if it is not one."""
    require_storable(text)
    if isinstance(field, ma_fields.Integer):
        if not INTEGER.fullmatch(text):
            raise field.make_error("invalid")
        return field.deserialize(int(text))
    if isinstance(field, ma_fields.String) and not has_choices(field):
        return text
    return field.deserialize(text)


def _unknown_parameter(schema: type[Schema], parameter: str) -> Exception:
    """Return the error for a parameter that a list does not have; it names those that it has."""
    names = ["limit", "cursor", "page", "count", "sort", "fields"]
    names += ["include"] if schema.opts.includes else []
    names += ["q"] if schema.opts.search else []
    filters = ", ".join(filters_of(schema))
    text = f", or[n][field], and filters on {filters}" if filters else ""
    return bad_parameter(parameter, f"Unknown parameter. Allowed: {', '.join(names)}{text}.")
