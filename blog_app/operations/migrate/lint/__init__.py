"""Danger, seen before it runs: squawk's rules for the statements of a migration, and our own for the rest.

A migration answers a finding by saying why it is no danger there: `safe = {"ban-drop-column": "no code reads it since
release 12"}`. Lint needs no database; a live one tells it in addition how big the tables are.

syntax      SQL as a tree
names       which objects a statement names
lock_modes  which locks it takes
rules       our own rules
type_rules  those for what a column or type is made of
row_rules   those for which rows a statement changes
rollbacks   whether a rollback takes back what its migration does
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from blog_app.operations.migrate.dry_run import Statement
from blog_app.operations.migrate.lint import (
    lock_modes,
    names,
    rollbacks,
    row_rules,  # noqa: F401  # It registers its rules, as `type_rules` does.
    rules,
    syntax,
    type_rules,
)
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node
from blog_app.operations.migrate.preview import Preview

# Matters of taste, of the runner (it sets the time limits), or about clients rather than about the running server.
NOT_ASKED = (
    "require-lock-timeout",
    "require-statement-timeout",
    "require-enum-value-ordering",
    "prefer-robust-stmts",
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-text-field",
    "ban-drop-not-null",
    "ban-drop-constraint",
    "ban-drop-default",
)
# What squawk looks at only when asked.
ASKED = (
    "ban-alter-generated-expression",
    "ban-drop-generated-expression",
    "ban-replica-identity",
    "ban-revoke",
    "ban-create-policy",
    "ban-drop-policy",
    "ban-alter-policy-condition",
    "ban-alter-policy-roles",
    "ban-alter-row-level-security",
    "ban-drop-trigger",
    "ban-alter-extension",
    "ban-alter-sequence-values",
    "ban-alter-system-options",
    "ban-alter-role-options",
    "ban-alter-database-options",
)
# Squawk does not know our ways.
WAYS = {
    "require-concurrent-index-creation": "migrator.add_index_concurrently does it",
    "require-concurrent-index-deletion": "migrator.drop_index_concurrently does it",
    "adding-required-field": "Add it with null=True; in later migrations migrator.backfill and migrator.set_not_null",
    "adding-not-nullable-field": "migrator.set_not_null does it",
    "adding-field-with-default": "Add it with null=True and no default; then migrator.add_default and a backfill",
    "adding-foreign-key-constraint": "migrator.add_foreign_key does it",
    "constraint-missing-not-valid": "migrator.add_check and migrator.add_foreign_key do it",
    "disallowed-unique-constraint": "Build it by migrator.add_index_concurrently(…, unique=True, name=…) first",
    "changing-column-type": "migrator.expand_type, a backfill, and in a later release migrator.contract_type",
    "renaming-column": "migrator.expand_rename, a backfill, and in a later release migrator.contract_rename",
    "renaming-table": "Keep the name in the database, or make a view of the other name",
    "ban-drop-column": "First release code without it; until then its model names it in unused_columns",
    "ban-drop-table": "First release code that does not use it",
}
# Squawk's findings about the kind of a column hold for new tables too; no other does.
KINDS = ("prefer-timestamp-tz", "ban-char-field")
# What else these name, they only refer to.
OF_ONE_TABLE = ("ALTER_TABLE", "CREATE_INDEX")
# For the statements of our own steps: those may do what is a danger elsewhere.
ALWAYS = ("unqualified-name", "other-database")
# What no step of ours can know to be no danger: whether running code still uses the column.
DROP_COLUMN = re.compile(r"\bDROP COLUMN\b")
# No code names an index or a constraint, nor does any write a column that was not there.
HARMLESS = re.compile(r"Renaming (an index|a constraint)|Adding a generated column may break inserts")
TYPE = re.compile(r"\bTYPE\s+(?P<type>[\w ]+?(?:\(\d+(?:\s*,\s*\d+)?\))?)\s*(?:;|,|$)", re.I)
VARCHAR = re.compile(r"(?:varchar|character varying)(?:\((\d+)\))?", re.I)
NUMERIC = re.compile(r"(?:numeric|decimal)(?:\((\d+)\s*,\s*(\d+)\))?", re.I)


@dataclass(frozen=True)
class Finding:
    """One danger."""

    rule: str
    statement: str
    message: str
    reason: str | None = None
    """Why the migration says that it is none here."""


def lint(database: str, preview: Preview, rows: Mapping[str, int] | None = None) -> list[Finding]:
    """Return the dangers of a migration, the ones it calls safe with their reason."""
    found = [*_of_statements(database, preview, rows or {}), *_of_rollback(preview)]
    safe = preview.migration.safe
    return [Finding(f.rule, f.statement, f.message, safe.get(f.rule)) for f in dict.fromkeys(found)]


def unanswered(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that stop a run."""
    return [finding for finding in findings if finding.reason is None]


def _of_statements(database: str, preview: Preview, rows: Mapping[str, int]) -> Iterator[Finding]:
    texts = [statement.text for statement in preview.statements]
    parsed = syntax.parse_all(texts)
    new = frozenset(name for nodes in parsed for name in created(nodes, preview.types))
    asked = [
        text for text, s in zip(texts, preview.statements, strict=True) if not s.by_step or DROP_COLUMN.search(text)
    ]
    used = dict(zip(texts, (_in_use(nodes, new) for nodes in parsed), strict=True))
    yield from (found for found in _squawk(preview, asked) if found.rule in KINDS or used[found.statement])
    locked: dict[str, None] = {}
    alone = not preview.migration.atomic or sum(len(nodes) for nodes in parsed) == 1
    for text, statement, nodes in zip(texts, preview.statements, parsed, strict=True):
        for node in nodes:
            context = rules.Context(database, new, rows, tuple(locked), alone)
            for name, rule in rules.RULES.items():
                if name in ALWAYS or not statement.by_step:
                    yield from (Finding(name, text, message) for message in rule(node, context))
            if preview.migration.atomic:
                locked |= {lock.table.name: None for lock in lock_modes.taken(node) if lock_modes.stops_all(lock, new)}


def created(nodes: Sequence[Node], there: Collection[tuple[str, str]] = ()) -> Iterator[Name]:
    """Yield the tables and materialized views that these statements create; `there` are columns of existing ones."""
    existing = {table for table, _ in there}
    for node in nodes:
        if node.kind in ("CREATE_TABLE", "CREATE_TABLE_AS", "CREATE_FOREIGN_TABLE", "CREATE_MATERIALIZED_VIEW"):
            name = names.objects(node)[0]
            if not (node.has("IF_NOT_EXISTS") and name.name in existing):
                yield name


def _in_use(nodes: Sequence[Node], new: frozenset[Name]) -> bool:
    """Return whether one of the statements is about something else than tables that this migration creates."""
    return not all(tables and new.issuperset(tables) for tables in map(_about, nodes))


def _about(node: Node) -> list[Name]:
    found = names.tables(node)
    return list(created([node])) or (found[:1] if node.kind in OF_ONE_TABLE else found)


def _squawk(preview: Preview, texts: Sequence[str]) -> Iterator[Finding]:
    """Ask squawk about all statements at once: an index on a table that is created beside it is no danger."""
    arguments = ["--reporter", "json", "--exclude", ",".join(NOT_ASKED), "--include", ",".join(ASKED)]
    if preview.migration.atomic:
        arguments.append("--assume-in-transaction")
    lines: list[str] = []
    source = ""
    for text in texts:
        # A text may end in a comment. A reason is given by `safe` alone: no comment tells squawk to look away.
        complete = f"{text}\n;\n".replace("squawk-ignore", "squawk_ignore")
        lines += [text] * complete.count("\n")
        source += complete
    for warning in orjson.loads(syntax.run(arguments, source) or "[]") if texts else ():
        text = lines[min(warning["line"], len(lines) - 1)]
        if HARMLESS.match(warning["message"]) or _is_no_danger(warning["rule_name"], text, preview):
            continue
        way = WAYS.get(warning["rule_name"], warning.get("help") or "")
        yield Finding(warning["rule_name"], text, f"{warning['message']} {way}".rstrip())


def _is_no_danger(rule: str, text: str, preview: Preview) -> bool:
    """Return whether squawk, which knows neither the tables nor every function, is wrong about a statement."""
    if rule == "changing-column-type":
        return _only_widens(text, preview)
    if rule == "adding-field-with-default":
        return not any(type_rules.rewrites(column) for node in syntax.parse(text) for column in node.all("ADD_COLUMN"))
    return False


def _only_widens(text: str, preview: Preview) -> bool:
    """Return whether every change of type in the statement only makes room for more."""
    for statement in syntax.parse(text):
        tables = names.tables(statement)
        for change in statement.all("ALTER_COLUMN"):
            if not change.has("SET_TYPE"):
                continue
            column = names.words(next(change.all("COLUMN_NAME_REF")))[-1]
            wanted = TYPE.search(change.text)
            if not (tables and wanted and widens(preview.types.get((tables[0].name, column), ""), wanted["type"])):
                return False
    return True


def widens(old: str, new: str) -> bool:
    """Return whether the change of type only widens it, which PostgreSQL does without looking at a row."""
    before, after = VARCHAR.fullmatch(old.strip()), VARCHAR.fullmatch(new.strip())
    if before and new.strip().lower() == "text":
        return True
    if not (before and after):  # More digits before the point, and as many behind it.
        before, after = NUMERIC.fullmatch(old.strip()), NUMERIC.fullmatch(new.strip())
        if not (before and after) or (after[1] and after[2] != before[2]):
            return False
    return bool(before[1] and (after[1] is None or int(after[1]) >= int(before[1])))


def _scaffold(statement: Statement) -> bool:
    """Return whether one of our own steps puts up, or takes down, the trigger by which it works."""
    return statement.by_step and bool(re.match(r"(CREATE|DROP) (TRIGGER|FUNCTION)\b", statement.text))


def _of_rollback(preview: Preview) -> Iterator[Finding]:
    if preview.back is None:
        yield Finding("no-rollback", "", "there is no function rollback: nobody could take this migration back")
        return
    changes = [s for s in preview.whole if not re.match(r"\s*(--|(UPDATE|INSERT|DELETE|SELECT)\b)", s.text, re.I)]
    if changes and not preview.back:
        yield Finding("empty-rollback", "", "rollback does nothing, while migrate changes the schema")
    elif not any(statement.text.startswith("-- ") for statement in (*preview.whole, *preview.back)):
        there, back = (
            [node for nodes in syntax.parse_all([s.text for s in statements if not _scaffold(s)]) for node in nodes]
            for statements in (preview.whole, preview.back)
        )
        yield from (Finding("rollback-differs", "", message) for message in rollbacks.missing(there, back))
