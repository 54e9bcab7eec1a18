"""Danger, seen before it runs: squawk's rules for the statements of a migration, and our own for the rest.

A migration answers a finding by saying why it is no danger there: `safe = {"ban-drop-column": "no code reads it since
release 12"}`. Lint needs no database; a live one tells it in addition how big the tables are.

syntax   SQL as a tree
names    which objects a statement names
locks    which locks it takes
rules    our own rules
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson
import peewee

from blog_app.migrate.lint import locks, names, rules, syntax
from blog_app.migrate.lint.names import Name
from blog_app.migrate.lint.syntax import Node
from blog_app.migrate.preview import Preview

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
    "prefer-timestamp-tz",
    "ban-char-field",
    "ban-drop-not-null",
    "ban-drop-constraint",
    "ban-drop-default",
)
# For the statements of our own steps: those may do what is a danger elsewhere.
ALWAYS = ("unqualified-name", "other-database")
# What no step of ours can know to be no danger: whether running code still uses the column.
DROP_COLUMN = re.compile(r"\bDROP COLUMN\b")
RENAMED_QUIETLY = re.compile(r"Renaming (an index|a constraint)")
TYPE = re.compile(r"\bTYPE\s+(?P<type>[\w ]+?(?:\(\d+\))?)\s*(?:;|,|$)", re.I)
VARCHAR = re.compile(r"(?:varchar|character varying)(?:\((\d+)\))?", re.I)


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
    new = frozenset(name for nodes in parsed for name in created(nodes))
    yield from _squawk(preview, [s.text for s in preview.statements if not s.by_step or DROP_COLUMN.search(s.text)])
    locked: dict[str, None] = {}
    for text, statement, nodes in zip(texts, preview.statements, parsed, strict=True):
        for node in nodes:
            context = rules.Context(database, new, rows, tuple(locked))
            for name, rule in rules.RULES.items():
                if name in ALWAYS or not statement.by_step:
                    yield from (Finding(name, text, message) for message in rule(node, context))
            if preview.migration.atomic:
                locked |= {lock.table.name: None for lock in locks.taken(node) if _stops_all(lock, new)}


def created(nodes: Sequence[Node]) -> Iterator[Name]:
    """Yield the tables that these statements create."""
    for node in nodes:
        if node.kind in ("CREATE_TABLE", "CREATE_TABLE_AS", "CREATE_FOREIGN_TABLE"):
            yield names.tables(node)[0]


def _stops_all(lock: locks.Lock, new: frozenset[Name]) -> bool:
    return lock.mode == locks.ACCESS_EXCLUSIVE and lock.table not in new


def _squawk(preview: Preview, texts: Sequence[str]) -> Iterator[Finding]:
    """Ask squawk about all statements at once: an index on a table that is created beside it is no danger."""
    arguments = ["--reporter", "json", "--exclude", ",".join(NOT_ASKED)]
    if preview.migration.atomic:
        arguments.append("--assume-in-transaction")
    lines: list[str] = []
    source = ""
    for text in texts:
        complete = text.rstrip().rstrip(";") + ";\n"
        lines += [text] * complete.count("\n")
        source += complete
    for warning in orjson.loads(syntax.run(arguments, source) or "[]") if texts else ():
        text = lines[min(warning["line"], len(lines) - 1)]
        if warning["rule_name"] == "changing-column-type" and _only_widens(text, preview):
            continue
        if RENAMED_QUIETLY.match(warning["message"]):
            continue
        help_ = f" {warning['help']}" if warning.get("help") else ""
        yield Finding(warning["rule_name"], text, f"{warning['message']}{help_}")


def _only_widens(text: str, preview: Preview) -> bool:
    """Return whether every change of type in the statement only makes a varchar longer."""
    for statement in syntax.parse(text):
        table = names.tables(statement)[0].name
        for change in statement.all("ALTER_COLUMN"):
            column = next(change.all("IDENT")).text.strip('"')
            wanted = TYPE.search(change.text)
            if change.has("SET_TYPE") and not (wanted and widens(_type_of(preview, table, column), wanted["type"])):
                return False
    return True


def _type_of(preview: Preview, table: str, column: str) -> str:
    model = preview.models.get(table)
    field = model._meta.columns.get(column) if model else None
    if not isinstance(field, peewee.CharField):
        return ""
    return f"varchar({field.max_length})"


def widens(old: str, new: str) -> bool:
    """Return whether the change of type only widens it, which PostgreSQL does without looking at a row."""
    before, after = VARCHAR.fullmatch(old.strip()), VARCHAR.fullmatch(new.strip())
    if before and new.strip().lower() == "text":
        return True
    return bool(before and after and before[1] and (after[1] is None or int(after[1]) >= int(before[1])))


def _of_rollback(preview: Preview) -> Iterator[Finding]:
    if preview.back is None:
        yield Finding("no-rollback", "", "there is no function rollback: nobody could take this migration back")
        return
    changes = [s for s in preview.statements if not re.match(r"\s*(UPDATE|INSERT|DELETE|SELECT)\b", s.text, re.I)]
    if changes and not preview.back:
        yield Finding("empty-rollback", "", "rollback does nothing, while migrate changes the schema")
