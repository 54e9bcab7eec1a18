"""Lint rules on tables, columns and types: choices that are hard to change once there are rows."""

from __future__ import annotations

import re

from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.rules import Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

NARROW_INTEGER = re.compile(r"(?:small)?int(?:eger|2|4)?|(?:small)?serial[24]?", re.I)
JSON_TYPE = re.compile(r"(?:pg_catalog\.)?json(?:\s*\[\s*\d*\s*\])*", re.I)
CALLED_ONCE = re.compile(
    r"(pg_catalog\.)?(now|(transaction|statement)_timestamp|date_(trunc|part|bin)|make_\w+|to_\w+|timezone|justify_\w+"
    r"|age|(current|session)_(user|setting|schemas?|database)|version|lower|upper|initcap|[lrb]?trim|[lr]pad|left|right"
    r"|substr(ing)?|replace|translate|format|split_part|chr|ascii|quote_\w+|concat(_ws)?|coalesce|nullif|greatest|least"
    r"|repeat|reverse|(\w+_)?length|position|strpos|overlay|md5|sha(224|256|384|512)|encode|decode|round|abs|ceil(ing)?"
    r"|floor|trunc|mod|div|power|sqrt|sign|array_(append|prepend|cat|fill|length|to_string|remove|replace)|string_to_array|jsonb?_\w+|row_to_json|(ts|tstz|date|num|int4|int8)"
    r"(multi)?range|inet|cidr|text|date|point|box|bit_length|cardinality)",
    re.I,
)
"""Functions that the default of a new column calls once for all rows (`pg_proc.provolatile` is not `v`)."""
TYPE = re.compile(r"(?P<kind>\w+) ?(?:\((?P<sizes>\d+(?: ?, ?\d+)?)\))?(?P<zone> with time zone)?")
SPELLINGS = {
    r"^character varying|^char varying": "varchar",
    r"^bit varying": "varbit",
    r"^(decimal|dec)\b": "numeric",
    r"^(timestamp|time)tz(.*)": r"\1\2 with time zone",
    r" without time zone$": "",
}
SAME_BYTES = {("varchar", "text"), ("text", "varchar"), ("cidr", "inet"), ("xml", "text"), ("xml", "varchar")}
"""Changes of type for which the stored bytes stay (`pg_cast.castmethod` is `b`)."""
SECONDS = ("timestamp", "timestamp with time zone", "time", "time with time zone", "interval")
MAX_FRACTION_DIGITS = 6
TYPES = ("PATH_TYPE", "ARRAY_TYPE")


@rule("narrow-key")
def narrow_key(statement: Node, context: Context) -> Messages:
    """A primary key of 32 bits: foreign keys to it are as narrow, and a later change rewrites all those tables."""
    keys = {column.text for key in statement.all("PRIMARY_KEY_CONSTRAINT") for column in key.all("COLUMN_NAME_REF")}
    if statement.kind not in ("CREATE_TABLE", "ALTER_TABLE") or len(keys) > 1:
        return
    for column in statement.all("COLUMN", "ADD_COLUMN"):
        name, type_ = column.part("COLUMN_NAME"), column.part(*TYPES)
        is_key = column.has("PRIMARY_KEY_CONSTRAINT") or (name and name.text in keys)
        if is_key and type_ and NARROW_INTEGER.fullmatch(type_.text):
            yield f"a key of type {type_.text} runs out after 2,147,483,647 inserted rows: use uuid or bigint"


def rewrites(column: Node) -> bool:
    """Return whether a new column has a different value in each existing row, so that the table is rewritten."""
    generated = column.part("GENERATED_CONSTRAINT")
    calls = [call.parts[0].text for default in column.all("DEFAULT_CONSTRAINT") for call in default.all("CALL_EXPR")]
    differs = not all(CALLED_ONCE.fullmatch(call) for call in calls)
    # Without STORED a generated column is virtual (PostgreSQL 18), or a syntax error.
    return differs or bool(generated and generated.has("STORED", "GENERATED_IDENTITY"))


@rule("json")
def json(statement: Node, context: Context) -> Messages:
    for column in statement.all("COLUMN", "ADD_COLUMN", "ALTER_COLUMN"):
        for type_ in column.all(*TYPES):
            if JSON_TYPE.fullmatch(type_.text):
                yield "json has no equality (DISTINCT and GROUP BY fail) and no index: use jsonb"


@rule("unlogged")
def unlogged(statement: Node, context: Context) -> Messages:
    if statement.kind.startswith("CREATE_TABLE") and statement.has("UNLOGGED"):
        yield "an unlogged table is empty after a crash and on every replica: remove UNLOGGED"


@rule("enum-value")
def enum_value(statement: Node, context: Context) -> Messages:
    if statement.kind == "ALTER_TYPE" and statement.has("ADD_VALUE") and not context.alone:
        yield "a new value cannot be used in the transaction that adds it: add it in a migration of its own"


@rule("domain")
def domain(statement: Node, context: Context) -> Messages:
    if statement.kind == "ALTER_DOMAIN" and statement.has("SET_NOT_NULL"):
        yield "NOT NULL on a domain scans every table that uses it under a lock: add a CHECK NOT VALID and validate it"


@rule("primary-key")
def primary_key(statement: Node, context: Context) -> Messages:
    for change in statement.all("DROP_CONSTRAINT"):
        name = change.part("CONSTRAINT_NAME_REF")
        if name and name.text.strip('"').endswith("_pkey") and context.in_use(statement):
            yield "a table without a primary key cannot be backfilled or replicated and allows duplicate rows: keep it"


def widens(old: str, new: str) -> bool:
    """Return whether PostgreSQL reads no row for the change of type: the new one has a place for all old values."""
    before, after = TYPE.fullmatch(_plain(old)), TYPE.fullmatch(_plain(new))
    if not before or not after:
        return False
    sizes = [[int(size) for size in found["sizes"].split(",")] if found["sizes"] else [] for found in (before, after)]
    kinds = [found["kind"] + (found["zone"] or "") for found in (before, after)]
    return (kinds[0] == kinds[1] and _fits(kinds[0], *sizes)) or ((kinds[0], kinds[1]) in SAME_BYTES and not sizes[1])


def _fits(kind: str, old: list[int], new: list[int]) -> bool:
    if old == new or not new:
        return True
    if kind == "numeric":  # More digits before the decimal point, the same number behind it.
        return bool(old) and new[0] >= old[0] and (*new, 0)[1] == (*old, 0)[1]
    if kind in SECONDS and new[0] >= MAX_FRACTION_DIGITS:
        return True
    return kind in ("varchar", "varbit", *SECONDS) and bool(old) and new[0] >= old[0]


def _plain(type_: str) -> str:
    """Return a type in one of its spellings."""
    plain = re.sub(r"^pg_catalog\.", "", " ".join(type_.lower().split()))
    for spelling, short in SPELLINGS.items():
        plain = re.sub(spelling, short, plain)
    return plain
