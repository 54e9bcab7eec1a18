"""Compares a rollback with its migration, by the names of the objects that both create and drop.

What is created and dropped again on the way does not count. Dropping a table also drops its columns, indexes,
constraints and triggers, and dropping a column drops what is about that column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node

# For what follows CREATE and DROP: the kind of object, and the node with its name (behind DROP it ends in _REF).
OBJECTS = {
    "TABLE": ("table", "TABLE_NAME"),
    "VIEW": ("view", "VIEW"),
    "MATERIALIZED_VIEW": ("view", "VIEW"),
    "INDEX": ("index", "INDEX"),
    "TYPE": ("type", "TYPE_NAME"),
    "FUNCTION": ("function", "FUNCTION_NAME"),
    "SEQUENCE": ("sequence", "SEQUENCE"),
    "TRIGGER": ("trigger", "TRIGGER"),
}
STATEMENTS = {f"CREATE_{what}": (kind, node, 1) for what, (kind, node) in OBJECTS.items()}
STATEMENTS |= {f"DROP_{what}": (kind, f"{node}_REF", -1) for what, (kind, node) in OBJECTS.items()}
STATEMENTS["CREATE_TABLE_AS"] = STATEMENTS["CREATE_TABLE"]
# The same for the actions of ALTER TABLE.
ACTIONS = {
    "ADD_COLUMN": ("column", "COLUMN_NAME", 1),
    "DROP_COLUMN": ("column", "COLUMN_NAME_REF", -1),
    "ADD_CONSTRAINT": ("constraint", "CONSTRAINT_NAME", 1),
    "DROP_CONSTRAINT": ("constraint", "CONSTRAINT_NAME_REF", -1),
}
# A rename drops the old name and creates the new one.
RENAMES = {
    "RENAME_COLUMN": ("column", "COLUMN_NAME"),
    "RENAME_CONSTRAINT": ("constraint", "CONSTRAINT_NAME"),
    "TABLE_RENAME_TO": ("table", "TABLE_NAME"),
    "INDEX_RENAME_TO": ("index", "INDEX"),
}
CONSTRAINTS = (
    "CHECK_CONSTRAINT",
    "UNIQUE_CONSTRAINT",
    "FOREIGN_KEY_CONSTRAINT",
    "REFERENCES_CONSTRAINT",
    "PRIMARY_KEY_CONSTRAINT",
    "EXCLUDE_CONSTRAINT",
)


class SchemaObject(NamedTuple):
    """An object, and the table that is part of its name, if any."""

    kind: str
    table: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.table}.' if self.table else ''}{self.name}"


@dataclass
class Effects:
    """The objects that statements create (positive) and drop (negative), each with the text of its statement."""

    net: Counter[SchemaObject] = field(default_factory=Counter)
    texts: dict[SchemaObject, str] = field(default_factory=dict)
    tables: dict[SchemaObject, str] = field(default_factory=dict)
    """The table of an index, and the partitioned table of a partition."""
    altered: set[SchemaObject] = field(default_factory=set)
    replaced: set[SchemaObject] = field(default_factory=set)
    """By CREATE OR REPLACE: they may have existed before."""
    unnamed: bool = False
    """Whether PostgreSQL chooses the name of an index or a constraint."""

    def add(self, item: SchemaObject, sign: int, text: str) -> None:
        self.net[item] += sign
        self.texts.setdefault(item, text)

    def created(self) -> list[SchemaObject]:
        return [item for item, count in self.net.items() if count > 0]

    def dropped(self) -> list[SchemaObject]:
        return [item for item, count in self.net.items() if count < 0]

    def table_of(self, item: SchemaObject) -> str | None:
        return item.table or self.tables.get(item)


def differences(migrate: Sequence[Node], rollback: Sequence[Node]) -> Iterator[str]:
    """Yield in sentences what the rollback does not undo of its migration, and what else it drops."""
    forward, backward = effects(migrate), effects(rollback)
    for item in forward.created():
        if not _covered(item, backward.dropped(), forward.texts[item], forward.table_of(item)):
            yield f"rollback does not drop the {item}, which migrate creates"
    for item in forward.dropped():
        if not _covered(item, backward.created(), "", backward.table_of(item)):
            yield f"rollback does not create the {item} again, which migrate drops"
    for item in backward.dropped():
        known = not (forward.unnamed and item.kind in ("index", "constraint")) and item not in forward.replaced
        if known and not _covered(item, forward.created(), backward.texts[item], forward.table_of(item)):
            yield f"rollback drops the {item}, which migrate does not create"
    for item in sorted(forward.altered - backward.altered):
        if not _covered(item, backward.dropped(), "", item.table):
            yield f"rollback does not restore the {item}, which migrate alters"


def effects(statements: Sequence[Node]) -> Effects:
    """Return what the statements create and drop, all in all."""
    found = Effects()
    for statement in statements:
        tables = names.tables(statement)
        table = tables[0].name if tables else None
        if statement.kind in STATEMENTS:
            _add_statement(found, statement, tables)
        for action in statement.parts:
            if action.kind in ACTIONS:
                _add_action(found, action, table)
            elif action.kind in RENAMES:
                _add_rename(found, action, statement, table)
            elif action.kind == "ALTER_COLUMN" and not action.has("SET_STATISTICS"):
                found.altered |= {SchemaObject("column", table, name) for name in _named(action, "COLUMN_NAME_REF")[:1]}
    return found


def _add_statement(found: Effects, statement: Node, tables: Sequence[Name]) -> None:
    kind, node, sign = STATEMENTS[statement.kind]
    owner = tables[0].name if kind == "trigger" and tables else None
    for name in _named(statement, node)[: 1 if sign > 0 else None]:
        item = SchemaObject(kind, owner, name)
        if statement.has("OR_REPLACE"):
            found.replaced.add(item)
            continue
        found.add(item, sign, statement.text)
        if kind == "index" and tables:
            found.tables[item] = tables[0].name
        elif statement.has("PARTITION_OF"):
            found.tables[item] = tables[-1].name
    found.unnamed |= statement.kind == "CREATE_INDEX" and not statement.has("INDEX")


def _add_action(found: Effects, action: Node, table: str | None) -> None:
    kind, node, sign = ACTIONS[action.kind]
    for name in _named(action, node)[:1]:
        found.add(SchemaObject(kind, table, name), sign, action.text)
    for name in _named(action, "USING_INDEX_NAME")[:1]:  # The constraint takes over the index.
        found.net.pop(SchemaObject("index", None, name), None)
    found.unnamed |= any(not constraint.has("CONSTRAINT_NAME") for constraint in action.all(*CONSTRAINTS))


def _add_rename(found: Effects, action: Node, statement: Node, table: str | None) -> None:
    kind, node = RENAMES[action.kind]
    owner = table if kind in ("column", "constraint") else None
    for name in _named(action if owner else statement, f"{node}_REF")[:1]:
        found.add(SchemaObject(kind, owner, name), -1, statement.text)
    for name in _named(action, node)[:1]:
        found.add(SchemaObject(kind, owner, name), 1, statement.text)


def _named(node: Node, kind: str) -> list[str]:
    return [path[-1] for part in node.all(kind) if (path := names.parts(part))]


def _covered(item: SchemaObject, items: Sequence[SchemaObject], text: str, table: str | None) -> bool:
    """Return whether an object is among `items`, or belongs to a table or a column that is."""
    return any(
        other == item
        or (other.kind in ("table", "view") and other.name == table)
        or (other.kind == "column" and other.table == table and re.search(rf"\b{re.escape(other.name)}\b", text))
        for other in items
    )
