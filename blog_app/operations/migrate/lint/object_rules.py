"""Lint rules on names, indexes, foreign keys, privileges and inheritance."""

from __future__ import annotations

import re
from collections.abc import Iterator

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.rules import Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

MAX_NAME_BYTES = 63
KEY = "id"
"""The column that a foreign key without columns refers to: every record has it as its primary key."""
# Types that compare by the same operators, so that an index serves both.
SAME_TYPES = {
    **dict.fromkeys(("int", "int4", "serial", "serial4"), "integer"),
    **dict.fromkeys(("int8", "bigserial", "serial8"), "bigint"),
    **dict.fromkeys(("int2", "smallserial", "serial2"), "smallint"),
    **dict.fromkeys(("varchar", "character varying"), "text"),
    **dict.fromkeys(("decimal",), "numeric"),
    **dict.fromkeys(("timestamptz",), "timestamp with time zone"),
    **dict.fromkeys(("timestamp",), "timestamp without time zone"),
}
AUTOVACUUM_OFF = re.compile(r"autovacuum_enabled\s*=\s*'?(false|off|no|0)", re.I)


@rule("long-name")
def long_name(statement: Node, context: Context) -> Messages:
    for word in statement.all("IDENT"):
        if len(names.parts(word)[0].encode()) > MAX_NAME_BYTES:
            yield (
                f"{word.text} has more than {MAX_NAME_BYTES} bytes: PostgreSQL cuts it off, and may then find another "
                "object of the same beginning. Give it a shorter name (name=…)"
            )


@rule("index-gap")
def index_gap(statement: Node, context: Context) -> Messages:
    if statement.kind != "CREATE_INDEX" or not context.in_use(statement):
        return
    table = names.tables(statement)[0]
    for node in context.earlier:
        dropped = list(node.all("INDEX_REF")) if node.kind == "DROP_INDEX" else []
        if statement.has("UNIQUE_KW") and node.kind == "ALTER_TABLE" and table in names.tables(node)[:1]:
            constraints = [name for drop in node.all("DROP_CONSTRAINT") for name in drop.all("CONSTRAINT_NAME_REF")]
            dropped += [name for name in constraints if names.parts(name)[-1] in context.index_tables]
        for index in (names.parts(name)[-1] for name in dropped):
            if context.index_tables.get(index, table.name) == table.name:
                yield (
                    f"{index} is dropped before its successor is built, and meanwhile queries of {table.name} scan it "
                    "and nothing keeps rows unique: build the new index first, under another name, then drop the old"
                )


@rule("foreign-key-type")
def foreign_key_type(statement: Node, context: Context) -> Messages:
    schema = context.after(statement).schema
    for own, other in _foreign_keys(statement):
        columns = [schema[table].columns.get(column) for table, column in (own, other) if table in schema]
        types = [column.type for column in columns if column]
        if len({_comparable(type_) for type_ in types}) > 1:
            yield (
                f"{'.'.join(own)} is {types[0]} and {'.'.join(other)} is {types[1]}: each check of the key converts "
                f"values, and some may not fit. Make {own[1]} {types[1]} first (migrator.expand_type)"
            )


@rule("deferrable-key")
def deferrable_key(statement: Node, context: Context) -> Messages:
    for key in statement.all("UNIQUE_CONSTRAINT", "PRIMARY_KEY_CONSTRAINT"):
        if key.has("DEFERRABLE_CONSTRAINT_OPTION") and context.in_use(statement) and statement.kind == "ALTER_TABLE":
            yield "ON CONFLICT of running code cannot use a DEFERRABLE key: leave DEFERRABLE out"


@rule("lost-default")
def lost_default(statement: Node, context: Context) -> Messages:
    """Of a column that running code does not know, or leaves to the database: an identifier."""
    if statement.kind != "ALTER_TABLE" or not context.in_use(statement):
        return
    table = names.tables(statement)[0]
    added = {
        names.parts(name)[-1]
        for node in context.earlier
        if node.kind == "ALTER_TABLE" and table in names.tables(node)[:1]
        for column in node.all("ADD_COLUMN")
        if column.has("NOT_NULL_CONSTRAINT")
        for name in column.all("COLUMN_NAME")
    }
    columns = context.schema[table.name].columns if table.name in context.schema else {}
    for change in statement.all("ALTER_COLUMN"):
        name = _columns(change)[0]
        dropped = change.has("DROP_DEFAULT") or re.search(r"\bSET\s+DEFAULT\s+NULL\b", change.text, re.I)
        identifies = name in columns and "nextval(" in (columns[name].default or "")
        if dropped and (name in added or identifies):
            yield f"running code inserts no {name}, so its inserts fail without the default: drop it in a later release"


@rule("grant-public")
def grant_public(statement: Node, context: Context) -> Messages:
    to = [role.text.strip('"').lower() for role in statement.all("ROLE_NAME_REF")]
    if "GRANT" in statement.kind + "".join(part.kind for part in statement.parts) and "public" in to:
        yield "PUBLIC is every role of the server, also those of other applications: name the role"


@rule("security-definer")
def security_definer(statement: Node, context: Context) -> Messages:
    if statement.has("SECURITY_DEFINER_FUNC_OPTION") and "search_path" not in statement.text.lower():
        yield (
            "a SECURITY DEFINER function runs with its owner's rights what the caller's search_path makes of its "
            f"names: add SET search_path = {context.database}, pg_temp"
        )


@rule("inheritance")
def inheritance(statement: Node, context: Context) -> Messages:
    if statement.has("INHERITS", "INHERIT_TABLE", "NO_INHERIT_TABLE") and context.in_use(statement):
        yield "queries of a parent table also read its children, so its rows change at once: use a foreign key"


@rule("autovacuum")
def autovacuum(statement: Node, context: Context) -> Messages:
    if statement.kind == "ALTER_TABLE" and AUTOVACUUM_OFF.search(statement.text) and context.in_use(statement):
        yield "a table without autovacuum bloats, and in the end stops the server (wraparound): tune its thresholds"


def _foreign_keys(statement: Node) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    """Yield the column of each foreign key, and the column that it refers to, each with its table."""
    tables: list[Name] = names.objects(statement)[:1]
    for table in tables if statement.kind in ("CREATE_TABLE", "ALTER_TABLE") else ():
        for column in statement.all("COLUMN", "ADD_COLUMN"):
            for key in column.all("REFERENCES_CONSTRAINT"):
                name = column.part("COLUMN_NAME")
                yield from _pairs(table, [names.parts(name)[-1]] if name else [], key, _columns(key))
        for key in statement.all("FOREIGN_KEY_CONSTRAINT"):
            lists = [_columns(part) for part in key.all("FOREIGN_KEY_COLUMN_LIST")]
            yield from _pairs(table, lists[0], key, lists[1] if len(lists) > 1 else [])


def _pairs(
    table: Name, own: list[str], key: Node, other: list[str]
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for referenced in names.tables(key)[:1]:
        for mine, theirs in zip(own, other or [KEY], strict=False):
            yield (table.name, mine), (referenced.name, theirs)


def _columns(node: Node) -> list[str]:
    return [names.parts(column)[-1] for column in node.all("COLUMN_NAME_REF")]


def _comparable(type_: str) -> str:
    """Return the type without its length, and by one name of those that it has."""
    base = " ".join(re.sub(r"\([^)]*\)", " ", type_.lower().replace("pg_catalog.", "")).split())
    return SAME_TYPES.get(base, base)
