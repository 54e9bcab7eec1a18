"""Lint rules on the locks that the statements of one transaction take together, and on what is read meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from blog_app.operations.migrate.lint import lock_modes, names
from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.rules import WRITES, Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

READS_ROWS = ("SELECT", "COMPOUND_SELECT", "SELECT_INTO", "INSERT", "CREATE_TABLE_AS", "CREATE_MATERIALIZED_VIEW")
SCANS = ("REFRESH", "ANALYZE", "VALIDATE_CONSTRAINT")
"""Statements, and parts of ALTER, that read a whole table."""
FOREIGN_KEYS = ("REFERENCES_CONSTRAINT", "FOREIGN_KEY_CONSTRAINT")


@rule("write-under-lock")
def write_under_lock(statement: Node, context: Context) -> Messages:
    reads = statement.kind in READS_ROWS and statement.has("FROM_CLAUSE") and context.in_use(statement)
    scans = statement.kind in SCANS or statement.has(*SCANS)
    if context.locked and (statement.kind in WRITES or reads or scans):
        yield (
            f"this transaction already blocks {', '.join(context.locked)}, and would block it while it reads or "
            "changes rows: do that in a migration of its own, or write atomic = False"
        )


@rule("several-tables")
def several_tables(statement: Node, context: Context) -> Messages:
    new = context.new.union(context.created_by(statement))
    blocked = [lock for lock in lock_modes.locks_of(statement) if lock_modes.blocks_writes(lock, new)]
    more = [lock.table.name for lock in blocked if lock.table.name not in context.locked]
    if context.locked and more:
        yield (
            f"this transaction blocks {', '.join(context.locked)} while it waits for {', '.join(more)}, and may "
            "deadlock with transactions that use them in another order: write a migration for each table, or "
            "atomic = False"
        )
    referenced = _referenced(statement, context)
    if len(referenced) > 1:
        yield (
            f"foreign keys to {' and '.join(referenced)} block writes of one while they wait for the other: write "
            "atomic = False, and use migrator.create_model, or a migrator.add_foreign_key for each"
        )


def _referenced(statement: Node, context: Context) -> Sequence[str]:
    """Return the tables in use that the statement's foreign keys refer to, without the table that it changes."""
    own = names.tables(statement)[:1]
    found = [table for key in statement.all(*FOREIGN_KEYS) for table in names.tables(key)]
    return list(dict.fromkeys(table.name for table in found if table not in (*context.new, *own)))
