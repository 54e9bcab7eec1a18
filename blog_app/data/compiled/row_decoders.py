"""Row decoders: functions that turn a row tuple into a dictionary.

Their source is generated and compiled once for each set of columns, as a namedtuple's is: they take a quarter of the
time of `dict(zip(names, row))`, and a page has a hundred dictionaries. Only names that the code declares get into the
source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import orjson
import peewee
from playhouse.postgres_ext import BinaryJSONField, DateTimeTZField

RowDecoder = Callable[[tuple[Any, ...]], dict[str, Any]]


def column_sources(names: Iterable[str], first: int = 0) -> dict[str, str]:
    """Return the source of each column of `row`, from the index `first` on, by its name."""
    return {name: f"row[{index}]" for index, name in enumerate(names, first)}


def dict_source(values: Mapping[str, str]) -> str:
    """Return the source of a dictionary, given the source of each value."""
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in values.items())}}}"


def compile_decoder(source: str) -> RowDecoder:
    """Return the function of `row` whose result is the expression `source`."""
    return cast(RowDecoder, eval(f"lambda row: {source}", {"loads": orjson.loads, "timestamp": _timestamp}))  # noqa: S307


SAME_IN_JSON = (peewee.UUIDField, peewee._StringField, peewee.IntegerField, peewee.BooleanField, BinaryJSONField)
"""Columns whose values PostgreSQL's JSON has as the driver returns them."""


def json_sources(columns: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the source of each value of a `row` that PostgreSQL sent as a JSON array.

    None if a column has a type whose values JSON does not keep as the driver returns them.
    """
    sources = {}
    for index, (name, column) in enumerate(columns.items()):
        kind = type(getattr(column, "rel_field", column))
        if not issubclass(kind, (*SAME_IN_JSON, DateTimeTZField)):
            return None
        sources[name] = f"timestamp(row[{index}])" if issubclass(kind, DateTimeTZField) else f"row[{index}]"
    return sources


def _timestamp(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
