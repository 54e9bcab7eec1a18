"""The names of the tables and other objects in a statement, with their schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from blog_app.operations.migrate.lint.syntax import Node

# Nodes with the name of an object that belongs to a schema.
TABLE_KINDS = ("TABLE_NAME_REF", "RELATION_NAME_REF", "TABLE_NAME")
OTHER_KINDS = (
    *("VIEW", "VIEW_REF", "SEQUENCE", "SEQUENCE_REF", "INDEX_REF", "STATISTICS", "STATISTICS_REF"),
    *("TYPE_NAME", "TYPE_NAME_REF", "DOMAIN", "DOMAIN_REF", "COLLATION", "TEXT_SEARCH_CONFIGURATION"),
    *("FUNCTION_NAME", "PROCEDURE_NAME", "AGGREGATE_NAME"),
)
# Here a name has no schema: a new name, or an index of the table that the statement is about.
UNQUALIFIED = re.compile("USING_INDEX_NAME|CLUSTER_ON|((TABLE|INDEX|VIEW|SEQUENCE)_)?RENAME_TO")
WORD = re.compile(r'"(?:[^"]|"")*"|[^\s."]+')


class Name(NamedTuple):
    """`"blog"."posts"`; the schema is None when it is not written."""

    schema: str | None
    name: str


def tables(statement: Node) -> list[Name]:
    """Return the tables that a statement names, each once, in their order."""
    return list(dict.fromkeys(_names(statement, TABLE_KINDS)))


def objects(statement: Node) -> list[Name]:
    """Return the tables, views, sequences, indexes, types, functions and so on that a statement names."""
    return list(dict.fromkeys(_names(statement, (*TABLE_KINDS, *OTHER_KINDS))))


def calls(statement: Node) -> Iterator[tuple[str, str]]:
    """Yield the schema (empty if it is not written) and the name of every function that a statement calls."""
    for call in statement.all("CALL_EXPR"):
        path = parts(call.parts[0]) if call.parts[0].kind in ("NAME_REF", "FIELD_EXPR") else ["pg_catalog", ""]
        yield path[-2] if len(path) > 1 else "", path[-1]


def target(write: Node) -> Name | None:
    """Return the table that an INSERT, UPDATE, DELETE or MERGE writes to."""
    own = [part for part in write.parts if part.kind != "WITH_CLAUSE"]
    return next(iter(tables(Node(write.kind, write.text, own))), None)


def _names(statement: Node, kinds: tuple[str, ...]) -> Iterator[Name]:
    local = {name for node in statement.all("CTE_NAME") for name in parts(node)}
    for node in _with_schema(statement, kinds):
        if (name := name_of(node)) and (name.schema or name.name not in local):
            yield name


def _with_schema(node: Node, kinds: tuple[str, ...]) -> Iterator[Node]:
    for part in node.parts:
        if part.kind in kinds:
            yield part
        elif not UNQUALIFIED.fullmatch(part.kind):
            yield from _with_schema(part, kinds)


def name_of(node: Node) -> Name | None:
    """Return the name in a node, if there is one."""
    words = parts(node)
    return Name(words[-2] if len(words) > 1 else None, words[-1]) if words else None


def parts(node: Node) -> list[str]:
    """Return the parts of a qualified name, unquoted."""
    words = WORD.findall(node.text)
    return [word[1:-1].replace('""', '"') if word.startswith('"') else word.lower() for word in words]
