"""The linter: runs squawk's rules and our own on the preview of a migration, and compares its rollback."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import blog_app.operations.migrate.lint.row_rules  # noqa: F401  # It registers its rules; `squawk` has `type_rules`.
from blog_app.operations.migrate.catalog import Schema
from blog_app.operations.migrate.dry_run import Statement
from blog_app.operations.migrate.lint import exemptions, known_schema, names, rollbacks, rules, squawk, syntax
from blog_app.operations.migrate.lint.context import Context, contexts
from blog_app.operations.migrate.lint.syntax import Node
from blog_app.operations.migrate.preview import Preview

# Only the first table of these statements is changed; they merely refer to the others.
ONE_TABLE_STATEMENTS = ("ALTER_TABLE", "CREATE_INDEX")
# Our own rules that hold for the statements of a `Step` too, which is safe otherwise.
RULES_FOR_STEPS = ("unqualified-name", "other-database")
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


def lint(
    database: str, preview: Preview, rows: Mapping[str, int] | None = None, schema: Schema | None = None
) -> list[Finding]:
    """Return the findings in a migration, those that it declares safe with their reason.

    `rows` and `schema` are the sizes and the schema before it, as far as they are known.
    """
    context = Context(database, rows=rows or {}, schema=schema or {})
    found = [*_lint_statements(context, preview), *_lint_rollback(preview)]
    safe = preview.migration.safe
    return [Finding(f.rule, f.statement, f.message, safe.get(f.rule)) for f in dict.fromkeys(found)]


def _lint_statements(context: Context, preview: Preview) -> Iterator[Finding]:
    texts = [statement.text for statement in preview.statements]
    parsed = syntax.parse_all(texts)
    atomic = preview.migration.atomic
    statements = [node for nodes in parsed for node in nodes]
    replaced = rollbacks.replaced(statements) if atomic else frozenset()
    first = replace(context, alone=not atomic or len(statements) == 1, replaced=replaced)
    known = list(contexts(first, parsed, atomic=atomic))
    met: dict[str, list[tuple[Node, Context]]] = {text: [] for text in texts}
    for text, nodes, before in zip(texts, parsed, known, strict=True):
        met[text] += zip(nodes, before, strict=False)
    checked = [s.text for s in preview.statements if not s.by_step or DROP_COLUMN.search(s.text)]
    for rule, text, message in squawk.check(preview, checked):
        in_use = rule in squawk.RULES_FOR_NEW_TABLES or _touches_table_in_use(met[text])
        if in_use and not exemptions.hold(rule, met[text]):
            yield Finding(rule, text, message)
    for text, statement, nodes, before in zip(texts, preview.statements, parsed, known, strict=True):
        for node, known_before in zip(nodes, before, strict=False):
            for name, rule_ in rules.RULES.items():
                if name in RULES_FOR_STEPS or not statement.by_step:
                    yield from (Finding(name, text, message) for message in rule_(node, known_before))


def _touches_table_in_use(met: Sequence[tuple[Node, Context]]) -> bool:
    """Return whether one of the statements changes anything but tables that this migration creates."""
    for node, context in met:
        tables = names.tables(node)[: 1 if node.kind in ONE_TABLE_STATEMENTS else None] or [
            names.Name(item.schema, known_schema.table_of_index(context.schema, item.name) or item.name)
            for item in names.objects(node)
        ]
        if not context.created_by(node) and not (tables and context.new.issuperset(tables)):
            return True
    return not met


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
