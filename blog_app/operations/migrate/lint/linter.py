"""The linter: runs squawk's rules and our own on the preview of a migration, and compares its rollback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from blog_app.operations.migrate.dry_run import Statement
from blog_app.operations.migrate.lint import (  # Some only register their rules.
    exemptions,
    function_rules,  # noqa: F401
    known_schema,
    lock_rules,  # noqa: F401
    names,
    object_rules,  # noqa: F401
    rollbacks,
    row_rules,  # noqa: F401
    rules,
    squawk,
    statement_rules,  # noqa: F401
    syntax,
)
from blog_app.operations.migrate.lint.context import CREATES_TABLE, Context, Effects, contexts
from blog_app.operations.migrate.lint.syntax import Node
from blog_app.operations.migrate.lint.trial_rules import TRIAL_RULES
from blog_app.operations.migrate.preview import Preview

# Only the first table of these statements is changed; they merely refer to the others.
ONE_TABLE_STATEMENTS = ("ALTER_TABLE", "CREATE_INDEX")
# Our own rules that hold for the statements of a `Step` too, which is safe otherwise.
RULES_FOR_STEPS = (
    *("unqualified-name", "other-database", "long-name", "several-tables", "write-under-lock"),
    *("index-gap", "foreign-key-type", "hidden-code", "sequence-value", *TRIAL_RULES),
)
# What a `Step` cannot know to be safe: whether running code still uses the column.
DROP_COLUMN = re.compile(r"\bDROP COLUMN\b")


@dataclass(frozen=True)
class Finding:
    """A dangerous statement, or a missing or wrong rollback."""

    rule: str
    statement: str
    message: str
    reason: str | None = None
    """Why it is safe here, as the migration declares it."""


def lint(preview: Preview, context: Context, effects: Sequence[Effects | None] = ()) -> list[Finding]:
    """Return the findings in a migration, those that it declares safe with their reason.

    `context` is what is known before it; `effects` are those of its statements, as far as they could be tried.
    """
    found = [*_lint_statements(context, preview, effects), *_lint_rollback(preview)]
    explained = {finding.statement for finding in found if finding.rule not in TRIAL_RULES}
    found = [finding for finding in found if finding.rule not in TRIAL_RULES or finding.statement not in explained]
    safe = preview.migration.safe
    return [Finding(f.rule, f.statement, f.message, safe.get(f.rule)) for f in dict.fromkeys(found)]


def _lint_statements(context: Context, preview: Preview, effects: Sequence[Effects | None]) -> Iterator[Finding]:
    texts = [statement.text for statement in preview.statements]
    parsed = syntax.parse_all(texts)
    atomic = preview.migration.atomic
    statements = [node for nodes in parsed for node in nodes]
    replaced = rollbacks.replaced(statements) if atomic else frozenset()
    tables = {index: name for name, table in context.schema.items() for index in known_schema.indexes_of(table)}
    first = replace(context, alone=not atomic or len(statements) == 1, replaced=replaced, index_tables=tables)
    known = list(contexts(first, parsed, atomic=atomic, effects=effects))
    yield from _by_squawk(preview, parsed, known)
    for text, statement, nodes, before in zip(texts, preview.statements, parsed, known, strict=True):
        for node, known_before in zip(nodes, before, strict=True):
            for name, rule_ in rules.RULES.items():
                if name in RULES_FOR_STEPS or not statement.by_step:
                    yield from (Finding(name, text, message) for message in rule_(node, known_before))


def _by_squawk(
    preview: Preview, parsed: Sequence[Sequence[Node]], known: Sequence[Sequence[Context]]
) -> Iterator[Finding]:
    """Yield squawk's findings.

    It sees every CREATE TABLE last, because it trusts a name that it has seen created: which tables are in use, and
    which are new, is for our own `Context` to say.
    """
    checked = [s.text for s in preview.statements if not s.by_step or DROP_COLUMN.search(s.text)]
    for rule, number, message in squawk.check(preview, checked):
        if rule == squawk.SYNTAX_ERROR:
            yield Finding(rule, checked[number], message)
    met = [
        (statement.text, node, context)
        for statement, nodes, before in zip(preview.statements, parsed, known, strict=True)
        for node, context in zip(nodes, before, strict=True)
        if statement.text in checked
    ]
    met.sort(key=lambda found: found[1].kind in CREATES_TABLE)
    for rule, number, message in squawk.check(preview, [node.text for _, node, _ in met]):
        text, node, context = met[number]
        in_use = rule in squawk.RULES_FOR_NEW_TABLES or _touches_table_in_use(node, context)
        if rule != squawk.SYNTAX_ERROR and in_use and not exemptions.hold(rule, node, context):
            yield Finding(rule, text, message)


def _touches_table_in_use(node: Node, context: Context) -> bool:
    """Return whether a statement changes anything but tables that this migration creates."""
    if node.kind in CREATES_TABLE:
        return False
    tables = names.tables(node)[: 1 if node.kind in ONE_TABLE_STATEMENTS else None] or [
        names.Name(item.schema, known_schema.table_of_index(context.schema, item.name) or item.name)
        for item in names.objects(node)
    ]
    return not (tables and context.new.issuperset(tables))


def _lint_rollback(preview: Preview) -> Iterator[Finding]:
    if preview.rollback is None:
        yield Finding("no-rollback", "", "the migration has no function rollback, so it cannot be rolled back")
        return
    changes = [s for s in preview.whole if not re.match(r"\s*(--|(UPDATE|INSERT|DELETE|SELECT)\b)", s.text, re.I)]
    if changes and not preview.rollback:
        yield Finding("empty-rollback", "", "rollback does nothing, but migrate changes the schema")
    elif not any(statement.text.startswith("-- ") for statement in (*preview.whole, *preview.rollback)):
        for message in rollbacks.differences(_parsed(preview.whole), _parsed(preview.rollback)):
            yield Finding("rollback-differs", "", message)


def _parsed(statements: Sequence[Statement]) -> list[Node]:
    """Parse the statements, without those on the triggers by which a `Step` works."""
    texts = [s.text for s in statements if not (s.by_step and re.match(r"(CREATE|DROP) (TRIGGER|FUNCTION)\b", s.text))]
    return [node for nodes in syntax.parse_all(texts) for node in nodes]
