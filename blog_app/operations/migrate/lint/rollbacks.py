"""Whether a rollback takes back what its migration does, as far as the names of objects tell.

Both are summed up as objects made and gone; what is made and dropped again on the way counts for nothing. A column, an
index, a constraint or a trigger goes with its table, and what is about a column goes with that column.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.syntax import Node

# What makes or drops an object in a schema: the statement, the word for it, and the node that names it.
WHOLE = {
    "CREATE_TABLE": ("table", "TABLE_NAME", 1),
    "CREATE_TABLE_AS": ("table", "TABLE_NAME", 1),
    "DROP_TABLE": ("table", "TABLE_NAME_REF", -1),
    "CREATE_VIEW": ("view", "VIEW", 1),
    "CREATE_MATERIALIZED_VIEW": ("view", "VIEW", 1),
    "DROP_VIEW": ("view", "VIEW_REF", -1),
    "DROP_MATERIALIZED_VIEW": ("view", "VIEW_REF", -1),
    "CREATE_INDEX": ("index", "INDEX", 1),
    "DROP_INDEX": ("index", "INDEX_REF", -1),
    "CREATE_TYPE": ("type", "TYPE_NAME", 1),
    "DROP_TYPE": ("type", "TYPE_NAME_REF", -1),
    "CREATE_FUNCTION": ("function", "FUNCTION_NAME", 1),
    "DROP_FUNCTION": ("function", "FUNCTION_NAME_REF", -1),
    "CREATE_SEQUENCE": ("sequence", "SEQUENCE", 1),
    "DROP_SEQUENCE": ("sequence", "SEQUENCE_REF", -1),
    "CREATE_TRIGGER": ("trigger", "TRIGGER", 1),
    "DROP_TRIGGER": ("trigger", "TRIGGER_REF", -1),
}
# The same for what belongs to a table.
PARTS = {
    "ADD_COLUMN": ("column", "COLUMN_NAME", 1),
    "DROP_COLUMN": ("column", "COLUMN_NAME_REF", -1),
    "ADD_CONSTRAINT": ("constraint", "CONSTRAINT_NAME", 1),
    "DROP_CONSTRAINT": ("constraint", "CONSTRAINT_NAME_REF", -1),
}
# A statement of these kinds renames: `-old +new`.
RENAMES = {
    "RENAME_COLUMN": ("column", "COLUMN_NAME_REF", "COLUMN_NAME"),
    "RENAME_CONSTRAINT": ("constraint", "CONSTRAINT_NAME_REF", "CONSTRAINT_NAME"),
    "TABLE_RENAME_TO": ("table", "TABLE_NAME_REF", "TABLE_NAME"),
    "INDEX_RENAME_TO": ("index", "INDEX_REF", "INDEX"),
}


CONSTRAINTS = (
    "CHECK_CONSTRAINT",
    "UNIQUE_CONSTRAINT",
    "FOREIGN_KEY_CONSTRAINT",
    "REFERENCES_CONSTRAINT",
    "PRIMARY_KEY_CONSTRAINT",
    "EXCLUDE_CONSTRAINT",
)


class Thing(NamedTuple):
    """An object; `table` is the one that it belongs to, if it does."""

    kind: str
    table: str | None
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {f'{self.table}.' if self.table else ''}{self.name}"


@dataclass
class Effects:
    """What statements make (positive) and drop (negative), and what the statement that did so says."""

    net: Counter[Thing] = field(default_factory=Counter)
    texts: dict[Thing, str] = field(default_factory=dict)
    tables: dict[Thing, str] = field(default_factory=dict)
    """The table of an index."""
    altered: set[Thing] = field(default_factory=set)
    perhaps: set[Thing] = field(default_factory=set)
    """Made or replaced: nobody knows which."""
    unnamed: bool = False
    """Whether PostgreSQL chooses the name of an index or a constraint."""

    def made(self) -> list[Thing]:
        return [thing for thing, count in self.net.items() if count > 0]

    def gone(self) -> list[Thing]:
        return [thing for thing, count in self.net.items() if count < 0]

    def covers(self, thing: Thing, things: Sequence[Thing], text: str, table: str | None) -> bool:
        """Return whether `thing` is among `things`, or goes with the table or the column that is."""
        return any(
            other == thing
            or (other.kind in ("table", "view") and other.name == table)
            or (other.kind == "column" and other.table == table and _says(text, other.name))
            for other in things
        )


def missing(there: Sequence[Node], back: Sequence[Node]) -> Iterator[str]:
    """Yield in sentences what the statements `back` do not take back of `there`, and what they drop besides."""
    forward, backward = effects(there), effects(back)
    for thing in forward.made():
        if not backward.covers(thing, backward.gone(), forward.texts[thing], _table(forward, thing)):
            yield f"rollback leaves the {thing}, which migrate makes"
    for thing in forward.gone():
        if not backward.covers(thing, backward.made(), "", _table(backward, thing)):
            yield f"rollback does not make the {thing} again, which migrate drops"
    for thing in backward.gone():
        known = not (forward.unnamed and thing.kind in ("index", "constraint")) and thing not in forward.perhaps
        if known and not forward.covers(thing, forward.made(), backward.texts[thing], _table(forward, thing)):
            yield f"rollback drops the {thing}, which migrate does not make"
    for thing in sorted(forward.altered - backward.altered):
        if not backward.covers(thing, backward.gone(), "", thing.table):
            yield f"rollback does not put the {thing} back as it was"


def effects(statements: Sequence[Node]) -> Effects:
    """Sum up what the statements make and drop."""
    found = Effects()
    for statement in statements:
        tables = names.tables(statement)
        table = tables[0].name if tables else None
        if statement.kind in WHOLE:
            kind, node, sign = WHOLE[statement.kind]
            owner = table if kind == "trigger" else None
            for thing in [Thing(kind, owner, name) for name in _named(statement, node, first=sign > 0)]:
                if statement.has("OR_REPLACE"):
                    found.perhaps.add(thing)
                    continue
                _count(found, thing, sign, statement.text)
                if kind == "index" and table:
                    found.tables[thing] = table
                elif statement.has("PARTITION_OF"):
                    found.tables[thing] = tables[-1].name
            found.unnamed |= statement.kind == "CREATE_INDEX" and not statement.has("INDEX")
        for part in statement.parts:
            if part.kind in PARTS:
                kind, node, sign = PARTS[part.kind]
                for name in _named(part, node, first=True):
                    _count(found, Thing(kind, table, name), sign, part.text)
                for name in _named(part, "USING_INDEX_NAME", first=True):  # The index becomes the constraint's.
                    found.net.pop(Thing("index", None, name), None)
                found.unnamed |= any(not node.has("CONSTRAINT_NAME") for node in part.all(*CONSTRAINTS))
            elif part.kind in RENAMES:
                kind, old, new = RENAMES[part.kind]
                owner = table if kind in ("column", "constraint") else None
                place = part if owner else statement
                for found_names, sign in ((_named(place, old, first=True), -1), (_named(part, new, first=True), 1)):
                    for name in found_names:
                        _count(found, Thing(kind, owner, name), sign, statement.text)
            elif part.kind == "ALTER_COLUMN" and not part.has("SET_STATISTICS"):
                found.altered |= {Thing("column", table, name) for name in _named(part, "COLUMN_NAME_REF", first=True)}
    return found


def _count(found: Effects, thing: Thing, sign: int, text: str) -> None:
    found.net[thing] += sign
    found.texts.setdefault(thing, text)


def _named(node: Node, kind: str, *, first: bool) -> list[str]:
    found = [names.words(part)[-1] for part in node.all(kind) if names.words(part)]
    return found[:1] if first else found


def _says(text: str, name: str) -> bool:
    return bool(re.search(rf"\b{re.escape(name)}\b", text))


def _table(effects_: Effects, thing: Thing) -> str | None:
    return thing.table or effects_.tables.get(thing)
