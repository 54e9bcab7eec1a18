"""Which collections a statement writes: what the watermarks, and with them the cache and the replicas, go by.

A collection is a table (`posts`), one row of it (`posts/<id>`), or the rows that nobody can name (`posts/*`).
Whoever writes a row touches the table and the row. Read from a Peewee query:

* the table of each INSERT, UPDATE and DELETE, also in its CTEs;
* the rows that a WHERE names by `==` or `in_` on the row key; a plain INSERT makes a row that nobody has read, so
  it touches only the table, unless ON CONFLICT may change one that was there;
* with a DELETE, the tables that a foreign key lets follow (CASCADE, SET NULL, SET DEFAULT).

A model may say otherwise in its `Meta`:

    row_key = "post"             the field by which its rows are named, by default the primary key; several: by each
    touches = ("posts",)         further tables that change with it (a trigger)
    untouched = True             nothing that is cached or read from a replica depends on it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import peewee

from blog_app.config import DATABASE_NAMES

READS = "SELECT VALUES TABLE SHOW SAVEPOINT RELEASE ROLLBACK SET RESET LOCK FETCH CLOSE DECLARE"
UPKEEP = "VACUUM ANALYZE REINDEX CLUSTER CHECKPOINT COMMENT GRANT REVOKE"
"""What changes nothing that a SELECT shows."""
HARMLESS = re.compile(
    rf"\s*(?:\(\s*)*(?:{'|'.join(f'{READS} {UPKEEP}'.split())}|(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX)\b", re.IGNORECASE
)
WRAPPED = re.compile(r"\s*(?:WITH|EXPLAIN)\b", re.IGNORECASE)
WRITE_WORDS = re.compile(r"\b(?:INSERT|(?<!\bFOR\s)(?<!\bKEY\s)UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
TABLE = re.compile(rf'(?<![\w."])"?({"|".join(DATABASE_NAMES)})"?\."?(\w+)')
CASCADES = ("CASCADE", "SET NULL", "SET DEFAULT")


class Noted(str):
    """SQL made from a query whose writes have been noted already."""

    __slots__ = ()


class UntouchedWrite(Exception):
    """Raw SQL writes something, and nothing says what: the cache and the replicas would never hear of it."""


def of_query(query: Any) -> set[str]:
    """Return the collections that a Peewee query writes; empty for one that reads."""
    found: set[str] = set()
    if isinstance(query, peewee.Select) and not query._cte_list:
        return found
    for write in _writes(query):
        model = write.table
        if not hasattr(model, "_meta"):
            raise UntouchedWrite(f"{model} is no model: write through one, or touch() the collection and use raw SQL")
        if getattr(model._meta, "untouched", False):
            continue
        found |= of_rows(model, _rows(write, row_keys(model)))
        if isinstance(write, peewee.Delete):
            found |= _followers(model)
    return found


def of_new(model: Any, row: Mapping[str, Any]) -> set[str]:
    """Return the collections that a plain INSERT of a row of `model` writes; `row` has its values by their fields."""
    if getattr(model._meta, "untouched", False):
        return set()
    keys = row_keys(model)
    return of_rows(model, _all_of([set() if key.primary_key else _plain([row.get(key.name)]) for key in keys]))


def of_rows(model: Any, rows: Iterable[Any] | None = None) -> set[str]:
    """Return the collections that a write to these rows of `model` touches; None: to rows that cannot be named."""
    table = model._meta.table_name
    found = {table, *([f"{table}/*"] if rows is None else [row_of(model, row) for row in rows])}
    for other in getattr(model._meta, "touches", ()):
        found |= {other, f"{other}/*"}
    return found


def row_of(model: Any, value: Any) -> str:
    """Return the collection of one row of `model`; every spelling of its key (UUID, text) names the same."""
    key = row_keys(model)[0]
    field = getattr(key, "rel_field", key)
    return f"{model._meta.table_name}/{field.python_value(value)}"


def read_by(model: Any, row: Any = None) -> tuple[tuple[str, str], ...]:
    """Return the collections, each with its logical database, that a read of this row depends on; None: of any rows."""
    name, table = model._meta.schema, model._meta.table_name
    return ((name, table),) if row is None else ((name, row_of(model, row)), (name, f"{table}/*"))


def tables_in(statements: Iterable[str]) -> set[tuple[str, str]]:
    """Return the tables that statements name, each with its logical database."""
    return {(name, table) for sql in statements for name, table in TABLE.findall(sql)}


def row_keys(model: Any) -> tuple[Any, ...]:
    """Return the fields by each of which the rows of `model` are named; none: they have no name."""
    meta = model._meta
    if names := getattr(meta, "row_key", None):
        return tuple(meta.fields[name] for name in ([names] if isinstance(names, str) else names))
    return () if meta.primary_key is False or meta.composite_key else (meta.primary_key,)


def named_like(model: Any) -> Any:
    """Return the model by whose primary key the rows of `model` are named: itself, or what they belong to."""
    return getattr(row_keys(model)[0], "rel_model", model) if row_keys(model) else None


def writes(sql: str) -> bool:
    """Tell whether a raw statement may change what a later SELECT shows. A function that writes cannot be seen."""
    if WRAPPED.match(sql):
        return WRITE_WORDS.search(sql) is not None
    return HARMLESS.match(sql) is None


def _writes(query: Any) -> Iterator[Any]:
    if isinstance(query, peewee._WriteQuery):
        yield query
    for cte in getattr(query, "_cte_list", None) or ():
        yield from _writes(cte._query)


def _rows(query: Any, keys: tuple[Any, ...]) -> set[Any] | None:
    """Return the names of the rows that a query writes, None if it does not say."""
    return _all_of([_rows_by(query, key) for key in keys])


def _all_of(names: list[set[Any] | None]) -> set[Any] | None:
    """Return the names of rows by all their keys together, None if one is not known or there is no key."""
    found: set[Any] = set()
    for each in names:
        if each is None:
            return None
        found |= each
    return found if names else None


def _rows_by(query: Any, key: Any) -> set[Any] | None:
    if isinstance(query, peewee.Insert):
        if query._on_conflict is not None and (query._on_conflict._action or "").upper() != "IGNORE":
            return None
        return set() if key.primary_key else _inserted(query._insert, key)
    if isinstance(query, peewee.Update) and key in query._update:
        return None  # The row it becomes is another than the row it was.
    return _named(query._where, key)


def _inserted(rows: Any, key: Any) -> set[Any] | None:
    """Return the values of a key that is not the primary one, such as the post of a post's tag."""
    rows = [rows] if isinstance(rows, Mapping) else rows
    if not isinstance(rows, list | tuple):
        return None
    values = [row.get(key, row.get(key.name)) if isinstance(row, Mapping) else None for row in rows]
    return _plain(values)


def _named(where: Any, key: Any) -> set[Any] | None:
    """Return the values to which a condition limits `key`, None if it does not: one side of an AND is enough."""
    if not isinstance(where, peewee.Expression):
        return None
    if where.op == peewee.OP.AND:
        left = _named(where.lhs, key)
        return left if left is not None else _named(where.rhs, key)
    if where.lhs is key and where.op == peewee.OP.EQ:
        return _plain([where.rhs])
    if where.lhs is key and where.op == peewee.OP.IN and isinstance(where.rhs, list | tuple | set | frozenset):
        return _plain(where.rhs)
    return None


def _plain(values: Iterable[Any]) -> set[Any] | None:
    """Return the values as a set, None if one of them is not known before the database computes it."""
    found = [value.value if isinstance(value, peewee.Value) else value for value in values]
    found = [value.get_id() if isinstance(value, peewee.Model) else value for value in found]
    return None if any(value is None or isinstance(value, peewee.Node) for value in found) else set(found)


@lru_cache(maxsize=256)
def _followers(model: Any) -> frozenset[str]:
    """Return the collections that change when rows of `model` are deleted, by the foreign keys that point here."""
    found: set[str] = set()
    pending, seen = [model], {model}
    while pending:
        for field, other in _references(pending.pop()):
            action = (field.on_delete or "").upper()
            if action not in CASCADES or getattr(other._meta, "untouched", False):
                continue
            found |= of_rows(other)
            if action == "CASCADE" and other not in seen:
                seen.add(other)
                pending.append(other)
    return frozenset(found)


def _references(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the foreign keys that point to the table of `model`, also by another class of the same table."""
    for base in model.__mro__:
        if hasattr(base, "_meta") and base._meta.table_name == model._meta.table_name:
            yield from base._meta.backrefs.items()
