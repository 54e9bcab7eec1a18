"""Functions that make dictionaries of rows.

Their source is written and compiled once for each shape, as a namedtuple's is: they take a quarter of the time of
`dict(zip(names, row))`, and a page has a hundred dictionaries. Only names that the code declares get into the source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, cast

import orjson
import peewee
from playhouse.postgres_ext import BinaryJSONField, DateTimeTZField

Maker = Callable[[tuple[Any, ...]], dict[str, Any]]


def places(names: Iterable[str], first: int = 0) -> dict[str, str]:
    """Return the source of each value of `row` from the place `first` on, by its name."""
    return {name: f"row[{place}]" for place, name in enumerate(names, first)}


def literal(values: Mapping[str, str]) -> str:
    """Return the source of a dictionary of values, given by their sources."""
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in values.items())}}}"


def maker(source: str) -> Maker:
    """Return the function that makes of a `row` what `source` says."""
    return cast(Maker, eval(f"lambda row: {source}", {"loads": orjson.loads, "moment": _moment}))  # noqa: S307


IN_JSON: Mapping[type[peewee.Field], str] = {
    peewee.UUIDField: "{}",
    peewee._StringField: "{}",
    peewee.IntegerField: "{}",
    peewee.BooleanField: "{}",
    BinaryJSONField: "{}",
    DateTimeTZField: "moment({})",
}
"""How the value that the driver would return is made of what PostgreSQL's JSON says, by the kind of column."""


def from_json(columns: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the sources of values that stand in `row` as JSON has them; None if it has not all as the driver has."""
    found = {}
    for place, (name, column) in enumerate(columns.items()):
        kind = type(getattr(column, "rel_field", column))
        source = next((IN_JSON[base] for base in kind.__mro__ if base in IN_JSON), None)
        if source is None:
            return None
        found[name] = source.format(f"row[{place}]")
    return found


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
