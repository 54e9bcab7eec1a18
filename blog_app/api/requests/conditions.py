"""Filters in the query string: whitelisted fields, whitelisted operators, checked values.

`?price[gte]=50&status=published&or[0][title][contains]=tea&or[1][featured]=true`: conditions are combined with AND,
the groups of `or` with OR, the conditions inside a group with AND. Values are parsed by the schema's own fields, so a
filter on an integer takes integers only. No operator takes a regular expression: one can be made to run on and on.
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

from blog_app.api.resources.fields import refuse_unstorable
from blog_app.api.resources.filters import COMPARISONS, TEXT, Condition, Filter, has_choices, operators_of
from blog_app.api.resources.schema import Schema, readable, shared
from blog_app.errors import bad_parameter

MAX_CONDITIONS = 20
MAX_LIST_VALUES = 100
MAX_VALUE_LENGTH = 500

PARAMETER = re.compile(r"(?:or\[(?P<group>\d{1,2})\]\[(?P<grouped>\w+)\]|(?P<name>\w+))(?:\[(?P<operator>\w+)\])?")
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,20}")


@cache
def filters_of(schema: type[Schema]) -> Mapping[str, Filter]:
    """Return everything a list of this schema can be filtered by, by name."""
    options = shared(schema).opts
    columns = readable(schema)
    found = {}
    for name in options.filterable:
        field = shared(schema).fields[name]
        found[name] = Filter(field, operators_of(field), _on_column(columns[name]))
    return {**found, **options.filters}


def _on_column(column: Any) -> Condition:
    return lambda operator_name, value: COMPARISONS[operator_name](column, value)


def parse_conditions(schema: type[Schema], parameters: Iterable[tuple[str, str]]) -> list[peewee.Expression]:
    """Return the conditions that the filter parameters ask for; raise `BadRequest` naming what is not allowed."""
    parameters = list(parameters)
    if len(parameters) > MAX_CONDITIONS:
        raise bad_parameter(parameters[MAX_CONDITIONS][0], f"at most {MAX_CONDITIONS} conditions are allowed.")
    found: list[peewee.Expression] = []
    groups: dict[int, list[peewee.Expression]] = {}
    for parameter, text in parameters:
        match = PARAMETER.fullmatch(parameter)
        if match is None:
            raise unknown_parameter(schema, parameter)
        condition = _condition(schema, parameter, match["grouped"] or match["name"], match["operator"] or "eq", text)
        if match["group"]:
            groups.setdefault(int(match["group"]), []).append(condition)
        else:
            found.append(condition)
    if groups:
        found.append(reduce(operator.or_, [reduce(operator.and_, group) for group in groups.values()]))
    return found


def _condition(schema: type[Schema], parameter: str, name: str, operator_name: str, text: str) -> peewee.Expression:
    allowed = filters_of(schema)
    if name not in allowed:
        raise unknown_parameter(schema, parameter)
    wanted = allowed[name]
    if operator_name not in wanted.operators:
        raise bad_parameter(
            parameter, f"there is no operator {operator_name!r}; allowed are {', '.join(wanted.operators)}."
        )
    if len(text) > MAX_VALUE_LENGTH:
        raise bad_parameter(parameter, f"a value has at most {MAX_VALUE_LENGTH} characters.")
    try:
        return wanted.condition(operator_name, _value(wanted.field, operator_name, text))
    except marshmallow.ValidationError as error:
        raise bad_parameter(parameter, " ".join(map(str, error.messages))) from error


def _value(field: ma_fields.Field[Any], operator_name: str, text: str) -> Any:
    match operator_name:
        case "is_null":
            return ma_fields.Boolean().deserialize(text)
        case "in" | "not_in":
            parts = text.split(",")
            if len(parts) > MAX_LIST_VALUES:
                raise marshmallow.ValidationError(f"At most {MAX_LIST_VALUES} values are allowed.")
            return [parse(field, part) for part in parts]
        case "between":
            parts = text.split(",")
            if len(parts) != 2:
                raise marshmallow.ValidationError("Give two values with a comma between them.")
            return [parse(field, part) for part in parts]
        case _ if operator_name in TEXT:
            refuse_unstorable(text)
            return text
        case _:
            return parse(field, text)


def parse(field: ma_fields.Field[Any], text: str) -> Any:
    """Return the value that `text` has for a field; raise `ValidationError` if it has none."""
    refuse_unstorable(text)
    if isinstance(field, ma_fields.Integer):
        if not WHOLE_NUMBER.fullmatch(text):
            raise field.make_error("invalid")
        return field.deserialize(int(text))
    if isinstance(field, ma_fields.String) and not has_choices(field):
        return text
    return field.deserialize(text)


def unknown_parameter(schema: type[Schema], parameter: str) -> Exception:
    """Return the error for a parameter that a list does not know, with those that it does."""
    names = ", ".join(filters_of(schema)) or "none"
    return bad_parameter(
        parameter,
        "it is unknown here. Known are limit, cursor, page, count, sort, fields, include, q, or[n][field], "
        f"and filters on: {names}.",
    )
