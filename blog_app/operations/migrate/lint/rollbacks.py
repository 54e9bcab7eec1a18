"""Compares a rollback with its migration, by the names of the objects that both create and drop.

What is created and dropped again on the way does not count. Dropping a table also drops its columns, indexes,
constraints and triggers, and dropping a column drops what is about that column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.syntax import Node

# The kinds of objects, and the nodes with their names; where the object exists already, the node ends in _REF.
OBJECTS = {
    "TABLE": ("table", "TABLE_NAME"),
    "VIEW": ("view", "VIEW"),
    "MATERIALIZED_VIEW": ("view", "VIEW"),
    "INDEX": ("index", "INDEX"),
    "TYPE": ("type", "TYPE_NAME"),
    "FUNCTION": ("function", "FUNCTION_NAME"),
    "SEQUENCE": ("sequence", "SEQUENCE"),
    "TRIGGER": ("trigger", "TRIGGER"),
    "COLUMN": ("column", "COLUMN_NAME"),
    "CONSTRAINT": ("constraint", "CONSTRAINT_NAME"),
}
# A rename drops the old name and creates the new one.
RENAMES = {
    "RENAME_COLUMN": OBJECTS["COLUMN"],
    "RENAME_CONSTRAINT": OBJECTS["CONSTRAINT"],
    "TABLE_RENAME_TO": OBJECTS["TABLE"],
    "INDEX_RENAME_TO": OBJECTS["INDEX"],
}
CREATES = {f"{verb}_{what}": found for what, found in OBJECTS.items() for verb in ("CREATE", "ADD")}
CREATES |= {"CREATE_TABLE_AS": OBJECTS["TABLE"], **RENAMES}
DROPS = {f"DROP_{what}": found for what, found in OBJECTS.items()} | RENAMES
TUNING = ("SET_STATISTICS", "SET_OPTIONS", "RESET_OPTIONS", "SET_STORAGE", "SET_COMPRESSION")
"""Changes of a column that change nothing for its readers and writers."""
NAMED_WITH_TABLE = ("trigger", "column", "constraint")
# Constraints whose name may be left to PostgreSQL.
NAMEABLE = [f"{kind}_CONSTRAINT" for kind in ("CHECK", "UNIQUE", "FOREIGN_KEY", "REFERENCES", "PRIMARY_KEY", "EXCLUDE")]


class SchemaObject(NamedTuple):
    """An object, and the table that is part of its name, if any."""

    kind: str
    table: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.table}.' if self.table else ''}{self.name}"


@dataclass
class Effects:
    """What statements create, drop and alter."""

    net: Counter[SchemaObject] = field(default_factory=Counter)
    """Positive for created objects (`+net`), negative for dropped ones (`-net`)."""
    texts: dict[SchemaObject, str] = field(default_factory=dict)
    tables: dict[SchemaObject, str | None] = field(default_factory=dict)
    """The table of an index, and the partitioned table of a partition."""
    altered: set[SchemaObject] = field(default_factory=set)
    replaced: set[SchemaObject] = field(default_factory=set)
    """By CREATE OR REPLACE: they may have existed before."""
    made: set[str] = field(default_factory=set)
    """Tables that they create: what they contain comes and goes with them."""
    unnamed: bool = False
    """Whether PostgreSQL chooses the name of an index or a constraint."""

    def table_of(self, item: SchemaObject) -> str | None:
        return item.table or self.tables.get(item)


def differences(migrate: Sequence[Node], rollback: Sequence[Node]) -> Iterator[str]:
    """Yield in sentences what the rollback does not undo of its migration, and what else it drops."""
    forward, backward = effects(migrate), effects(rollback)
    for item in +forward.net:
        if forward.table_of(item) not in forward.made and not _covered(
            item, -backward.net, forward.texts[item], forward.table_of(item)
        ):
            yield f"rollback does not drop the {item}, which migrate creates"
    for item in -forward.net:
        if forward.table_of(item) not in forward.made and not _covered(
            item, +backward.net, "", backward.table_of(item)
        ):
            yield f"rollback does not create the {item} again, which migrate drops"
    for item in -backward.net:
        known = not (forward.unnamed and item.kind in ("index", "constraint")) and item not in forward.replaced
        if known and not _covered(item, +forward.net, backward.texts[item], forward.table_of(item)):
            yield f"rollback drops the {item}, which migrate does not create"
    for item in sorted(forward.altered - backward.altered):
        if not _covered(item, -backward.net, "", item.table):
            yield f"rollback does not restore the {item}, which migrate alters"


def replaced(statements: Sequence[Node]) -> frozenset[SchemaObject]:
    """Return what the statements drop and create again."""
    return frozenset(item for item, count in effects(statements).net.items() if count == 0)


def effects(statements: Sequence[Node]) -> Effects:
    """Return what the statements create and drop, all in all."""
    found = Effects()
    for statement in statements:
        tables: list[str | None] = [table.name for table in names.tables(statement)] or [None]
        found.unnamed |= statement.kind == "CREATE_INDEX" and not statement.has("INDEX")
        for node in (statement, *statement.parts):
            if node.kind in DROPS:
                kind, name_node = DROPS[node.kind]
                _count(found, statement, node, kind, f"{name_node}_REF", -1, tables)
            if node.kind in CREATES:
                _count(found, statement, node, *CREATES[node.kind], 1, tables)
            if node.kind in ("ADD_COLUMN", "ADD_CONSTRAINT"):
                found.unnamed |= any(not constraint.has("CONSTRAINT_NAME") for constraint in node.all(*NAMEABLE))
                for name in _named(node, "USING_INDEX_NAME"):  # The constraint takes over the index.
                    found.net.pop(SchemaObject("index", None, name), None)
            if node.kind == "ALTER_COLUMN" and not node.has(*TUNING):
                found.altered.add(SchemaObject("column", tables[0], _named(node, "COLUMN_NAME_REF")[0]))
    return found


def _count(
    found: Effects, statement: Node, node: Node, kind: str, name_node: str, sign: int, tables: Sequence[str | None]
) -> None:
    owner, about = (tables[0], node) if kind in NAMED_WITH_TABLE else (None, statement)
    for name in _named(about, name_node)[: 1 if sign > 0 else None]:
        item = SchemaObject(kind, owner, name)
        if statement.has("OR_REPLACE"):
            found.replaced.add(item)
            continue
        found.net[item] += sign
        if sign > 0 and kind == "table" and found.net[item] > 0:
            found.made.add(name)
        found.texts.setdefault(item, about.text)
        if kind == "index" or statement.has("PARTITION_OF"):
            found.tables[item] = tables[-1]


def _named(node: Node, kind: str) -> list[str]:
    return [path[-1] for part in node.all(kind) if (path := names.parts(part))]


def _covered(item: SchemaObject, items: Collection[SchemaObject], text: str, table: str | None) -> bool:
    """Return whether an object is among `items`, or belongs to a table or a column that is."""
    return any(
        other == item
        or (other.kind in ("table", "view") and other.name == table)
        or (other.kind == "column" and other.table == table and re.search(rf"\b{re.escape(other.name)}\b", text))
        for other in items
    )
