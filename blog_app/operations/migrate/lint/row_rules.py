"""Lint rules on the rows that a statement changes: all, many by a condition, or a few by their primary key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.rules import WRITES, Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

MAX_ROWS = 10_000
"""From this size on, one statement must not change a table by a condition."""
COLUMNS = ("NAME_REF", "COLUMN_NAME_REF", "FIELD_EXPR")
VALUES = re.compile(r"(current|session|system)_\w+|user|localtime(stamp)?", re.I)
"""Values that are written like the name of a column."""
KEY = "id"
"""The primary key of every record: a condition on it by `=` or IN changes only the rows that it lists."""
KEY_NOT_NULL = re.compile(rf'(\S+\.)?"?{KEY}"?\s+IS\s+NOT\s+NULL', re.I)


@rule("all-rows")
def all_rows(statement: Node, context: Context) -> Messages:
    for write in (statement, *statement.all(*WRITES, "INSERT")):
        if not _changes_rows(write) or not _target(write, context):
            continue
        where = _condition(write)
        if where is None or not any(_is_selective(condition) for condition in conditions(where)):
            without = "with a WHERE that excludes no row" if where else "without WHERE"
            yield f"{write.kind} {without} changes every row in one transaction: use migrator.backfill"


@rule("many-rows")
def many_rows(statement: Node, context: Context) -> Messages:
    for write in (statement, *statement.all(*WRITES, "INSERT")):
        where, target = _condition(write), _target(write, context)
        if where and target and _changes_rows(write) and not any(map(_selects_by_key, conditions(where))):
            yield from _of_many(f"{write.kind} of", target, context)
    where = statement.part("WHERE_CLAUSE")
    if where and statement.has("LOCKING_CLAUSE") and not any(map(_selects_by_key, conditions(where))):
        for table in context.in_use(statement):
            yield from _of_many("locks on the rows of", table, context)


def _of_many(what: str, table: Name, context: Context) -> Messages:
    rows = context.rows.get(table.name, 0)
    if rows >= MAX_ROWS:
        yield f"{what} {table.name} (about {rows:,} rows) in one transaction: use migrator.backfill"


def _target(write: Node, context: Context) -> Name | None:
    """Return the table that a statement writes to, if it is in use."""
    found = names.target(write)
    return found if found in context.in_use(write) else None


def _changes_rows(write: Node) -> bool:
    """Return whether it changes existing rows, and not only those that it lists itself."""
    from_table = any(part.has("RELATION_FROM_ITEM") for part in write.parts if part.kind != "WHERE_CLAUSE")
    if write.kind == "MERGE":
        return from_table and write.has("MERGE_WHEN_MATCHED")
    if write.kind == "INSERT":
        return from_table and write.has("CONFLICT_DO_UPDATE_SET")
    return write.kind in WRITES


def _condition(write: Node) -> Node | None:
    """Return the condition by which a write selects rows."""
    if write.kind in ("MERGE", "INSERT"):
        return next(write.all("ON_CLAUSE" if write.kind == "MERGE" else "WHERE_CLAUSE"), None)
    return write.part("WHERE_CLAUSE")


def conditions(where: Node) -> Iterator[Node]:
    """Yield the conditions in a WHERE or a CHECK that must all hold."""
    for part in where.parts:
        if part.kind == "PAREN_EXPR" or (part.kind == "BIN_EXPR" and part.part("AND_KW")):
            yield from conditions(part)
        elif part.parts:
            yield part


def _is_selective(condition: Node) -> bool:
    """Return whether a condition may hold for some rows and not for others."""
    if condition.kind == "BIN_EXPR":
        same = condition.part("EQ") and condition.parts[0].text == condition.parts[-1].text
        if same or KEY_NOT_NULL.fullmatch(condition.text):
            return False
    return _refers_to_column(condition)


def _refers_to_column(node: Node) -> bool:
    if node.kind == "SELECT":  # A subquery differs from row to row only by an outer column.
        tables = [next(item.all("TABLE_ALIAS"), item) for item in node.all("RELATION_FROM_ITEM")]
        inside = {names.parts(alias_or_name)[-1] for alias_or_name in tables}
        return any(path[-2] not in inside for path in map(names.parts, node.all("FIELD_EXPR")) if len(path) > 1)
    if node.kind in COLUMNS:
        return not VALUES.fullmatch(node.text)
    parts = node.parts[1:] if node.kind == "CALL_EXPR" and node.parts[0].kind in COLUMNS else node.parts
    return any(_refers_to_column(part) for part in parts)


def _selects_by_key(condition: Node) -> bool:
    """Return whether a condition lists values of the primary key."""
    if condition.kind != "BIN_EXPR" or not condition.part("EQ", "IN_KW"):
        return False
    values = condition.parts[-1]
    by_value = values.kind not in COLUMNS and not values.has("SELECT", *COLUMNS)
    return by_value and names.parts(condition.parts[0])[-1:] == [KEY]
