"""Our rules for what a table, column or type is made of: choices that are hard to change once there are rows."""

from __future__ import annotations

import re

from blog_app.operations.migrate.lint.rules import Context, Found, rule
from blog_app.operations.migrate.lint.syntax import Node

NARROW = re.compile(r"(?:small)?int(?:eger|2|4)?|(?:small)?serial[24]?", re.I)
JSON = re.compile(r"(?:pg_catalog\.)?json(?:\s*\[\s*\d*\s*\])*", re.I)
SAME_FOR_ALL_ROWS = re.compile(
    r"(pg_catalog\.)?(now|(transaction|statement)_timestamp|date_trunc|make_(date|interval)|to_timestamp|timezone|lower"
    r"|upper|concat|coalesce|repeat|md5|length|round|abs|array_fill|jsonb_build_(object|array))",
    re.I,
)
"""Functions that a new column's default calls only once (`pg_proc.provolatile` is not `v`)."""
TYPES = ("PATH_TYPE", "ARRAY_TYPE")


@rule("narrow-key")
def narrow_key(statement: Node, context: Context) -> Found:
    """A primary key of 32 bits; what refers to it is as narrow, and changing them later rewrites all those tables."""
    keys = {column.text for key in statement.all("PRIMARY_KEY_CONSTRAINT") for column in key.all("COLUMN_NAME_REF")}
    if statement.kind not in ("CREATE_TABLE", "ALTER_TABLE") or len(keys) > 1:
        return
    for column in statement.all("COLUMN", "ADD_COLUMN"):
        name, type_ = column.part("COLUMN_NAME"), column.part(*TYPES)
        is_key = column.has("PRIMARY_KEY_CONSTRAINT") or (name and name.text in keys)
        if is_key and type_ and NARROW.fullmatch(type_.text):
            yield f"a key of type {type_.text} ends at 2,147,483,647 rows ever made: use uuid, or bigint"


def rewrites(column: Node) -> bool:
    """Return whether a new column has a value of its own in each row that is there, so that all are written anew."""
    generated = column.part("GENERATED_CONSTRAINT")
    calls = [call.parts[0].text for default in column.all("DEFAULT_CONSTRAINT") for call in default.all("CALL_EXPR")]
    differs = not all(SAME_FOR_ALL_ROWS.fullmatch(call) for call in calls)
    return differs or bool(generated and not generated.has("VIRTUAL"))


@rule("json")
def json(statement: Node, context: Context) -> Found:
    for column in statement.all("COLUMN", "ADD_COLUMN", "ALTER_COLUMN"):
        for type_ in column.all(*TYPES):
            if JSON.fullmatch(type_.text):
                yield "json cannot be compared, so DISTINCT and GROUP BY fail, nor indexed: use jsonb"


@rule("unlogged")
def unlogged(statement: Node, context: Context) -> Found:
    if statement.kind.startswith("CREATE_TABLE") and statement.has("UNLOGGED"):
        yield "an unlogged table is empty after a crash, and on every replica: leave UNLOGGED out"


@rule("enum-value")
def enum_value(statement: Node, context: Context) -> Found:
    if statement.kind == "ALTER_TYPE" and statement.has("ADD_VALUE") and not context.alone:
        yield "a new value cannot be used in the transaction that adds it: give it a migration of its own"


@rule("domain")
def domain(statement: Node, context: Context) -> Found:
    if statement.kind == "ALTER_DOMAIN" and statement.has("SET_NOT_NULL"):
        yield "NOT NULL on a domain reads each table that uses it under a lock: add a CHECK NOT VALID, validate it"


@rule("primary-key")
def primary_key(statement: Node, context: Context) -> Found:
    for change in statement.all("DROP_CONSTRAINT"):
        name = change.part("CONSTRAINT_NAME_REF")
        if name and name.text.strip('"').endswith("_pkey") and context.in_use(statement):
            yield "without its primary key a table can be neither backfilled nor replicated, and rows may double"
