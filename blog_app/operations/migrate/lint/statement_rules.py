"""What each kind of statement does to a database in use, by PostgreSQL's manual; what is not listed is refused.

`KNOWN` are the statements, and `KNOWN_ACTIONS` the actions of ALTER TABLE, that are harmless or that other rules judge.
"""

from __future__ import annotations

import re

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.context import Context, Function
from blog_app.operations.migrate.lint.lock_modes import NO_ACTION
from blog_app.operations.migrate.lint.rules import SERVER_WIDE, Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

KNOWN = re.compile(
    # Rows
    "(COMPOUND_|PAREN_)?SELECT|SELECT_INTO|TABLE|VALUES|WITH|INSERT|UPDATE|DELETE|MERGE|COPY|TRUNCATE|EXPLAIN|PREPARE"
    "|DECLARE|FETCH|MOVE|CLOSE|DEALLOCATE"
    # Tables, indexes, views and other objects of a schema
    "|(CREATE|ALTER|DROP)_(TABLE|INDEX|VIEW|MATERIALIZED_VIEW|STATISTICS|SCHEMA|TYPE|DOMAIN|SEQUENCE|POLICY|EXTENSION)"
    "|(CREATE|DROP)_(FUNCTION|PROCEDURE|AGGREGATE|OPERATOR|TRIGGER|RULE)|DROP_ROUTINE|CREATE_TABLE_AS"
    "|ALTER_TRIGGER|CREATE_(COLLATION|TEXT_SEARCH_CONFIGURATION|TEXT_SEARCH_DICTIONARY)"
    "|REINDEX|REFRESH|VACUUM|ANALYZE|CLUSTER|LOCK|COMMENT_ON"
    # Rights, settings, transactions and code
    "|GRANT|REVOKE|ALTER_DEFAULT_PRIVILEGES|SET(_CONSTRAINTS|_TRANSACTION|_ROLE|_SESSION_AUTH)?|RESET|DISCARD|SHOW"
    "|BEGIN|(COMMIT|ROLLBACK|PREPARE)_TRANSACTION|SAVEPOINT_(CREATE|RELEASE)|LISTEN|UNLISTEN|NOTIFY"
    "|DO|CALL|EXECUTE|LOAD|EMPTY_STMT"
)
KNOWN_ACTIONS = re.compile(
    "(ADD|ALTER|DROP|RENAME)_(COLUMN|CONSTRAINT)|VALIDATE_CONSTRAINT|TABLE_RENAME_TO|SET_SCHEMA|OWNER_TO"
    "|(SET|RESET)_OPTIONS|SET_(TABLESPACE|ACCESS_METHOD|LOGGED|UNLOGGED|WITHOUT_CLUSTER)|CLUSTER_ON|REPLICA_IDENTITY"
    "|(ATTACH|DETACH)_PARTITION|(NO_)?INHERIT_TABLE|(ENABLE|DISABLE|FORCE|NO_FORCE)_RLS|ALL_IN_TABLESPACE"
    "|(ENABLE|ENABLE_ALWAYS|ENABLE_REPLICA|DISABLE)_(TRIGGER|RULE)"
)
# Statements, and parts of ALTER TYPE, that change or drop what running code and other objects may use.
USED_OBJECTS = (
    *("ALTER_FUNCTION", "ALTER_PROCEDURE", "ALTER_ROUTINE", "ALTER_TYPE_ATTRIBUTE_ACTION_LIST"),
    *("DROP_COLLATION", "DROP_TEXT_SEARCH_CONFIG", "DROP_TEXT_SEARCH_DICT"),
)


@rule("unknown-statement")
def unknown_statement(statement: Node, context: Context) -> Messages:
    known = any(kinds.fullmatch(statement.kind) for kinds in (KNOWN, SERVER_WIDE)) or statement.kind in USED_OBJECTS
    found = [] if known else [statement.kind]
    if statement.kind == "ALTER_TABLE" and context.in_use(statement):
        actions = [part.kind for part in statement.parts if not part.kind.endswith("_KW")]
        found += [kind for kind in actions if not KNOWN_ACTIONS.fullmatch(kind) and kind not in NO_ACTION]
    for kind in found:
        yield (
            f"{kind.replace('_', ' ')}: no rule knows what it does to a database in use. Find its locks in the manual "
            "of PostgreSQL, then say in `safe` why it is harmless here"
        )


@rule("used-object")
def used_object(statement: Node, context: Context) -> Messages:
    if {statement.kind, *(part.kind for part in statement.parts)}.intersection(USED_OBJECTS):
        yield "running code, indexes, triggers and tables may use it: create another one beside it, and move to that"
    if statement.kind == "CREATE_FUNCTION" and statement.has("OR_REPLACE"):
        for name in names.objects(statement)[:1]:
            if context.functions.get(name.name, Function()).is_stored:
                yield f"an index or a constraint has values of {name.name}: create another function beside it"


@rule("not-enforced")
def not_enforced(statement: Node, context: Context) -> Messages:
    if any(change.has("NOT_ENFORCED", "ENFORCED") for change in statement.all("ALTER_CONSTRAINT")):
        yield (
            "without the constraint new rows may break it, and to enforce it again scans the table under a lock: drop "
            "the constraint, or add it again by migrator.add_foreign_key"
        )
