"""Exemptions from squawk's rules: what it refuses because it knows neither the tables nor every function.

Each is a function of one statement and what is known before it, and returns whether that rule holds no danger for it.
What is not known is not exempt.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from blog_app.operations.migrate.catalog import Column, Table
from blog_app.operations.migrate.lint import known_schema, names, rollbacks, syntax, type_rules
from blog_app.operations.migrate.lint.context import Context
from blog_app.operations.migrate.lint.row_rules import conditions
from blog_app.operations.migrate.lint.syntax import Node

SEQUENCE_VALUES = re.compile(r"\b(RESTART|START|INCREMENT|MINVALUE|MAXVALUE|CYCLE|AS)\b", re.I)
"""Options of a sequence that change its next values."""
DROPS = ("DROP_VIEW", "DROP_MATERIALIZED_VIEW", "DROP_FUNCTION")
Exemption = Callable[[Node, Context], bool]
EXEMPTIONS: dict[str, Exemption] = {}


def exemption(*rules: str) -> Callable[[Exemption], Exemption]:
    """Register an exemption from these rules of squawk."""

    def register(function: Exemption) -> Exemption:
        EXEMPTIONS.update(dict.fromkeys(rules, function))
        return function

    return register


def hold(rule: str, statement: Node, context: Context) -> bool:
    """Return whether a statement is exempt from a rule."""
    return rule in EXEMPTIONS and EXEMPTIONS[rule](statement, context)


@exemption("changing-column-type")
def only_widens(statement: Node, context: Context) -> bool:
    """PostgreSQL rewrites no table and reads no row for these changes of type."""
    table = _table(statement, context)
    return all(_widens(change, table) for change in _changes(statement, "SET_TYPE"))


def _widens(change: Node, table: Table) -> bool:
    name, wanted = _column_of(change), next(change.all("SET_TYPE"))
    using = next(wanted.all("USING_EXPR"), None)
    if using and not re.fullmatch(rf'USING\s+"?{re.escape(name)}"?\s*(::.*)?', using.text, re.I | re.S):
        return False
    old, new = table.columns.get(name, Column("", False, None, "")).type, known_schema.type_of(wanted)
    return type_rules.widens(old, new) and not _is_checked_again(name, table)


def _is_checked_again(column: str, table: Table) -> bool:
    """Return whether a change of the column's type makes PostgreSQL check rows or build an index again."""
    checks = [text for text in table.constraints.values() if re.match("CHECK|EXCLUDE", text)]
    if any(known_schema.mentions(text, column) and "NOT VALID" not in text.upper() for text in checks):
        return True
    texts = [text for text in table.indexes.values() if known_schema.mentions(text, column)]
    # PostgreSQL builds an index with an expression or a predicate again, whichever of its columns they are about.
    for index in (node for nodes in syntax.parse_all(texts) for node in nodes):
        if index.has("WHERE_CLAUSE") or any(item.parts[0].kind != "NAME_REF" for item in index.all("PARTITION_ITEM")):
            return True
    return False


@exemption("prefer-timestamp-tz")
def keeps_the_kind_of_type(statement: Node, context: Context) -> bool:
    """The column is a timestamp without a time zone already."""
    return not statement.has("COLUMN", "ADD_COLUMN") and only_widens(statement, context)


@exemption("adding-not-nullable-field")
def is_never_null(statement: Node, context: Context) -> bool:
    """A validated CHECK proves that no row has a NULL there, so SET NOT NULL reads no row."""
    table = _table(statement, context)
    return all(_is_never_null(_column_of(change), table) for change in _changes(statement, "SET_NOT_NULL"))


def _is_never_null(column: str, table: Table) -> bool:
    checks = [text for text in table.constraints.values() if re.match("CHECK", text, re.I)]
    for text in checks:
        if re.search(r"NOT\s+(VALID|ENFORCED)", text, re.I):
            continue
        for check in syntax.parse(f"ALTER TABLE t ADD {text}")[0].all("CHECK_CONSTRAINT"):
            pattern = rf'"?{re.escape(column)}"?\s+IS\s+NOT\s+NULL'
            if any(re.fullmatch(pattern, condition.text, re.I) for condition in conditions(check)):
                return True
    return False


@exemption("adding-field-with-default")
def has_one_default(statement: Node, context: Context) -> bool:
    """The default is the same for all existing rows, so the catalog keeps it once."""
    return not any(type_rules.rewrites(column) for column in statement.all("ADD_COLUMN"))


@exemption("constraint-missing-not-valid", "adding-foreign-key-constraint")
def is_not_enforced(statement: Node, context: Context) -> bool:
    """A constraint that is NOT ENFORCED (PostgreSQL 18) checks no row."""
    added = [part for change in statement.all("ADD_CONSTRAINT") for part in change.all(*known_schema.CONSTRAINTS)]
    return bool(added) and all(constraint.has("NOT_ENFORCED", "NOT_VALID") for constraint in added)


@exemption("ban-create-domain-with-constraint")
def is_a_new_domain(statement: Node, context: Context) -> bool:
    """No column is of a domain that did not exist."""
    return True


@exemption("ban-alter-domain-with-add-constraint")
def adds_constraint_not_valid(statement: Node, context: Context) -> bool:
    """A constraint that is NOT VALID checks no row of the tables that use the domain."""
    return statement.has("NOT_VALID")


@exemption("ban-alter-sequence-values")
def changes_no_value(statement: Node, context: Context) -> bool:
    """How many values a session takes at once, and who owns the sequence, changes no next value."""
    return not SEQUENCE_VALUES.search(statement.text)


@exemption("ban-drop-view", "ban-drop-function")
def is_replaced(statement: Node, context: Context) -> bool:
    """The transaction creates it again, so nobody misses it."""
    dropped = rollbacks.effects([statement]).net
    return statement.kind not in DROPS or context.replaced.issuperset(dropped)


@exemption("require-concurrent-index-creation")
def is_on_partitioned_table_only(statement: Node, context: Context) -> bool:
    """A partitioned table has no rows of its own; the indexes of its partitions are attached later."""
    return statement.has("ONLY_KW") and bool(_table(statement, context).partitioning)


def _table(statement: Node, context: Context) -> Table:
    tables = names.tables(statement)
    return context.schema.get(tables[0].name, Table()) if tables else Table()


def _changes(statement: Node, kind: str) -> Iterator[Node]:
    return (change for change in statement.all("ALTER_COLUMN") if change.has(kind))


def _column_of(change: Node) -> str:
    return names.parts(next(change.all("COLUMN_NAME_REF")))[-1]
