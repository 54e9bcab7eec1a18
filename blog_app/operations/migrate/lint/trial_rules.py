"""Lint rules on what PostgreSQL itself did for a statement on empty copies of the tables (`trial`).

They find what no text tells: a domain's CHECK, a type that is narrower than its name says, an index or a CHECK that has
to be built or checked again, a proof that is missing. The linter drops them where another rule explains the statement.
"""

from __future__ import annotations

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.lock_modes import NO_ACTION
from blog_app.operations.migrate.lint.rules import Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

TRIAL_RULES = ("table-rewrite", "table-scan")

JUDGED = ("ALTER_TABLE", "CREATE_TABLE")


@rule("table-rewrite")
def table_rewrite(statement: Node, context: Context) -> Messages:
    if context.effects and context.effects.rewritten and context.in_use(statement):
        yield (
            f"PostgreSQL writes {' and '.join(sorted(context.effects.rewritten))} anew for this, and blocks reads and "
            "writes meanwhile. Use migrator.expand_type for a type; for a domain with a CHECK, a column of its base "
            "type and migrator.add_check"
        )


@rule("table-scan")
def table_scan(statement: Node, context: Context) -> Messages:
    blocks = any(part.kind not in (*NO_ACTION, "VALIDATE_CONSTRAINT") for part in statement.parts if part.parts)
    if statement.kind not in JUDGED or not blocks or (context.effects and context.effects.rewritten):
        return
    if context.effects:
        scanned = sorted(context.effects.scanned - {name.name for name in context.new})
    else:  # Python code sends it.
        adds = statement.has("PARTITION_OF", "ATTACH_PARTITION")
        scanned = [
            f"the DEFAULT of {name.name}" for name in names.tables(statement) if name.name in context.full_defaults
        ]
        scanned = scanned if adds else []
    if scanned:
        yield (
            f"PostgreSQL scans {' and '.join(scanned)} for this under a lock. What it looks for must be proved before, "
            "in an earlier migration: by migrator.set_not_null for a key, or by migrator.add_check of the bounds for a "
            "partition (and for the DEFAULT partition, of the opposite)"
        )
