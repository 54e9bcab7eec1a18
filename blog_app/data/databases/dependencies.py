"""Which collections a statement writes or reads: the dependencies that cache invalidation and replicas go by.

A collection is a table (`posts`), one row of it (`posts/<id>`), or rows that a statement does not name (`posts/*`).
A write to a row writes two collections, the table and the row. A Peewee query writes:

* the table of each INSERT, UPDATE and DELETE, also in its CTEs;
* the rows that a WHERE names by `==` or `in_` on the row key. A plain INSERT makes a row that nobody has read, so
  it writes only the table, unless ON CONFLICT may change an existing row;
* with a DELETE, the tables that foreign keys change (CASCADE, SET NULL, SET DEFAULT).

A model's `Meta` may change this:

    row_key = "post"             the field that names its rows, by default the primary key; several: each of them does
    also_writes = ("posts",)     further tables that change with it (a trigger)
    watermarked = False          nothing that is cached or read from a replica depends on it
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
"""Statements that change nothing that a SELECT shows."""
HARMLESS = re.compile(
    rf"\s*(?:\(\s*)*(?:{'|'.join(f'{READS} {UPKEEP}'.split())}|(?:CREATE|DROP)\s+(?:UNIQUE\s+)?INDEX)\b", re.IGNORECASE
)
WRAPPED = re.compile(r"\s*(?:WITH|EXPLAIN)\b", re.IGNORECASE)
WRITE_WORDS = re.compile(r"\b(?:INSERT|(?<!\bFOR\s)(?<!\bKEY\s)UPDATE|DELETE|MERGE)\b", re.IGNORECASE)
TABLE = re.compile(rf'(?<![\w."])"?({"|".join(DATABASE_NAMES)})"?\."?(\w+)')
CASCADES = ("CASCADE", "SET NULL", "SET DEFAULT")


class DeclaredSQL(str):
    """SQL with declared writes: the written collections are known, so the text is not searched for writes."""

    __slots__ = ()


class UndeclaredWrite(Exception):
    """Raw SQL writes without declared writes: the cache and the replicas would not notice it."""


def is_watermarked(model: Any) -> bool:
    """Return whether a cached response or a replica's may depend on `model`, so that its writes leave marks."""
    return bool(getattr(model._meta, "watermarked", True))


def written_by_query(query: Any) -> set[str]:
    """Return the collections that a Peewee query writes; empty for one that reads."""
    found: set[str] = set()
    if isinstance(query, peewee.Select) and not query._cte_list:
        return found
    for write in _writes(query):
        model = write.table
        if not hasattr(model, "_meta"):
            raise UndeclaredWrite(f"{model} is not a model: use a model, or raw SQL with declare_write()")
        if not is_watermarked(model):
            continue
        found |= collections_of_rows(model, _union([_row_keys_by(write, key) for key in row_keys(model)]))
        if isinstance(write, peewee.Delete):
            found |= _written_by_foreign_keys(model)
    return found


def written_by_insert(model: Any, row: Mapping[str, Any]) -> set[str]:
    """Return the collections that a plain INSERT of a row of `model` writes; `row` maps field names to values."""
    if not is_watermarked(model):
        return set()
    keys = [set() if key.primary_key else _known_values([row.get(key.name)]) for key in row_keys(model)]
    return collections_of_rows(model, _union(keys))


def collections_of_rows(model: Any, rows: Iterable[Any] | None = None) -> set[str]:
    """Return the collections that a write to these rows of `model` changes; None: to rows that are not named."""
    table = model._meta.table_name
    found = {table, *([f"{table}/*"] if rows is None else [collection_of_row(model, row) for row in rows])}
    for other in getattr(model._meta, "also_writes", ()):
        found |= {other, f"{other}/*"}
    return found


def collection_of_row(model: Any, value: Any) -> str:
    """Return the collection of one row of `model`; every spelling of its key (UUID, text) names the same."""
    key = row_keys(model)[0]
    field = getattr(key, "rel_field", key)
    return f"{model._meta.table_name}/{field.python_value(value)}"


def read_dependencies(model: Any, row: Any = None) -> tuple[tuple[str, str], ...]:
    """Return the (logical database, collection) pairs that a read of this row depends on; None: of any rows."""
    name, table = model._meta.schema, model._meta.table_name
    return ((name, table),) if row is None else ((name, collection_of_row(model, row)), (name, f"{table}/*"))


def tables_in(statements: Iterable[str]) -> set[tuple[str, str]]:
    """Return the (logical database, table) pairs that statements name."""
    return {(name, table) for sql in statements for name, table in TABLE.findall(sql)}


def row_keys(model: Any) -> tuple[Any, ...]:
    """Return the fields that name the rows of `model`, each on its own; none: its rows have no name."""
    meta = model._meta
    if names := getattr(meta, "row_key", None):
        return tuple(meta.fields[name] for name in ([names] if isinstance(names, str) else names))
    return () if meta.primary_key is False or meta.composite_key else (meta.primary_key,)


def row_key_model(model: Any) -> Any:
    """Return the model whose primary key names the rows of `model`: itself, or the model that they belong to."""
    return getattr(row_keys(model)[0], "rel_model", model) if row_keys(model) else None


def is_write(sql: str) -> bool:
    """Return whether raw SQL may change what a later SELECT shows. A function that writes is not detected."""
    if WRAPPED.match(sql):
        return WRITE_WORDS.search(sql) is not None
    return HARMLESS.match(sql) is None


def _writes(query: Any) -> Iterator[Any]:
    if isinstance(query, peewee._WriteQuery):
        yield query
    for cte in getattr(query, "_cte_list", None) or ():
        yield from _writes(cte._query)


def _union(names: list[set[Any] | None]) -> set[Any] | None:
    """Return the union of the row keys, None if some are not known or there is none."""
    found: set[Any] = set()
    for each in names:
        if each is None:
            return None
        found |= each
    return found if names else None


def _row_keys_by(query: Any, key: Any) -> set[Any] | None:
    """Return the values of `key` in the rows that a query writes, None if it does not name them."""
    if isinstance(query, peewee.Insert):
        if query._on_conflict is not None and (query._on_conflict._action or "").upper() != "IGNORE":
            return None
        return set() if key.primary_key else _inserted_values(query._insert, key)
    if isinstance(query, peewee.Update) and key in query._update:
        return None  # The update changes the row key itself.
    return _values_in(query._where, key)


def _inserted_values(rows: Any, key: Any) -> set[Any] | None:
    """Return the inserted values of a row key other than the primary key, such as the post of a post's tag."""
    rows = [rows] if isinstance(rows, Mapping) else rows
    if not isinstance(rows, list | tuple):
        return None
    values = [row.get(key, row.get(key.name)) if isinstance(row, Mapping) else None for row in rows]
    return _known_values(values)


def _values_in(where: Any, key: Any) -> set[Any] | None:
    """Return the values that a condition allows for `key`, None if it allows any; one side of an AND is enough."""
    if not isinstance(where, peewee.Expression):
        return None
    if where.op == peewee.OP.AND:
        left = _values_in(where.lhs, key)
        return left if left is not None else _values_in(where.rhs, key)
    if where.lhs is key and where.op == peewee.OP.EQ:
        return _known_values([where.rhs])
    if where.lhs is key and where.op == peewee.OP.IN and isinstance(where.rhs, list | tuple | set | frozenset):
        return _known_values(where.rhs)
    return None


def _known_values(values: Iterable[Any]) -> set[Any] | None:
    """Return the values as a set, None if the database computes one of them."""
    found = [value.value if isinstance(value, peewee.Value) else value for value in values]
    found = [value.get_id() if isinstance(value, peewee.Model) else value for value in found]
    return None if any(value is None or isinstance(value, peewee.Node) for value in found) else set(found)


@lru_cache(maxsize=256)
def _written_by_foreign_keys(model: Any) -> frozenset[str]:
    """Return the collections that the foreign keys which point to `model` change when its rows are deleted."""
    found: set[str] = set()
    pending, seen = [model], {model}
    while pending:
        for field, other in _references(pending.pop()):
            action = (field.on_delete or "").upper()
            if action not in CASCADES or not is_watermarked(other):
                continue
            found |= collections_of_rows(other)
            if action == "CASCADE" and other not in seen:
                seen.add(other)
                pending.append(other)
    return frozenset(found)


def _references(model: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the foreign keys that point to the table of `model`, also by another class of the same table."""
    for base in model.__mro__:
        if hasattr(base, "_meta") and base._meta.table_name == model._meta.table_name:
            yield from base._meta.backrefs.items()
