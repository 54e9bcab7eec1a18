"""Lint rules of our own, for what squawk does not check.

Each rule is a function of one statement that yields a message for each problem. Most rules are about tables in use,
which excludes those that the same migration creates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from blog_app.config import DATABASE_NAMES
from blog_app.operations.migrate.lint import known_schema, names
from blog_app.operations.migrate.lint.context import SYSTEM_SCHEMAS, Context
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node

WRITES = ("UPDATE", "DELETE", "MERGE")
TABLE_IN_BODY = re.compile(rf'\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+"?({"|".join(DATABASE_NAMES)})"?\s*\.', re.I)
"""A table of a logical database in the body of a function, which is only a string to the parser."""
REWRITES = ("SET_UNLOGGED", "SET_LOGGED", "SET_TABLESPACE", "SET_ACCESS_METHOD")
SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
SERVER_WIDE = re.compile(
    "CHECKPOINT|(CREATE|ALTER|DROP)_(ROLE|USER|GROUP|DATABASE|TABLESPACE|PUBLICATION|SUBSCRIPTION|SERVER"
    "|FOREIGN_DATA_WRAPPER|EVENT_TRIGGER|LANGUAGE|CAST|USER_MAPPING|ACCESS_METHOD|TRANSFORM"
    "|CONVERSION)"
)
SERVER_FUNCTIONS = re.compile(r"pg_(reload_conf|promote|switch_wal|rotate_logfile|\w*replication_\w+|\w*wal_replay\w*)")


Messages = Iterator[str]
Rule = Callable[[Node, Context], Messages]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a rule under the name by which a migration may declare it safe."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


@rule("unqualified-name")
def unqualified_name(statement: Node, context: Context) -> Messages:
    temporary = names.objects(statement)[:1] if statement.has("TEMP") else []  # It has a schema of its own.
    for name in names.objects(statement):
        if name.schema is None and name not in (*temporary, *context.new):
            yield f'{name.name} has no schema: write "{context.database}"."{name.name}"'


@rule("other-database")
def other_database(statement: Node, context: Context) -> Messages:
    if statement.kind in ("VACUUM", "ANALYZE") and not names.objects(statement):
        yield f"{statement.kind} without a table reads those of the other logical databases too: name the table"
    schemas = [part.text.strip('"') for part in statement.all("SCHEMA", "SCHEMA_REF")]
    schemas += [schema for body in statement.all("AS_DEFINITION") for schema in TABLE_IN_BODY.findall(body.text)]
    schemas += [schema for schema, _ in names.calls(statement) if schema in DATABASE_NAMES]
    for schema, name in [*names.objects(statement), *((schema, "") for schema in schemas)]:
        what = f"{schema}.{name}".rstrip(".")
        if schema in (None, context.database, "pg_temp", *SYSTEM_SCHEMAS):
            continue
        if schema in DATABASE_NAMES:
            yield f"{what} belongs to another logical database, which may be on another server: use its directory.py"
        else:
            yield (
                f"{what} belongs to no logical database, so backups and moves leave it out: "
                f'create it in "{context.database}"'
            )


@rule("truncate")
def truncate(statement: Node, context: Context) -> Messages:
    if statement.kind == "TRUNCATE" and context.in_use(statement):
        yield "TRUNCATE deletes all rows, and blocks reads and writes while it waits for its lock"


@rule("drop-cascade")
def drop_cascade(statement: Node, context: Context) -> Messages:
    drops = statement.kind.startswith("DROP_") or any(statement.all("DROP_COLUMN", "DROP_CONSTRAINT"))
    if drops and statement.has("CASCADE") and (context.in_use(statement) or not names.tables(statement)):
        yield "CASCADE also drops all dependent objects: name each of them in a DROP of its own"


@rule("lock-table")
def lock_table(statement: Node, context: Context) -> Messages:
    if statement.kind == "LOCK" and context.in_use(statement):
        yield "LOCK TABLE blocks others for the rest of the transaction: remove it, statements take the locks they need"
    if statement.has("LOCKING_CLAUSE") and not statement.part("WHERE_CLAUSE") and context.in_use(statement):
        yield "this locks every row for the rest of the transaction: select the rows by WHERE"


@rule("full-rewrite")
def full_rewrite(statement: Node, context: Context) -> Messages:
    found = ["VACUUM FULL"] if statement.kind == "VACUUM" and statement.has("FULL_KW") else []
    found += ["CLUSTER"] if statement.kind == "CLUSTER" else []
    if statement.kind.startswith("ALTER_") and (statement.kind != "ALTER_TABLE" or context.in_use(statement)):
        found += [kind.replace("_", " ") for kind in REWRITES if statement.has(kind)]
    for words in found:
        yield f"{words} rewrites the table and blocks reads and writes meanwhile"


@rule("refresh-not-concurrent")
def refresh_not_concurrent(statement: Node, context: Context) -> Messages:
    views = [names.name_of(view) for view in statement.all("VIEW_REF")]
    if statement.kind == "REFRESH" and not statement.has("CONCURRENTLY_KW") and not context.new.issuperset(views):
        yield "REFRESH MATERIALIZED VIEW blocks reads of the view: use CONCURRENTLY, which needs a unique index"


@rule("attach-partition")
def attach_partition(statement: Node, context: Context) -> Messages:
    for attached in statement.all("ATTACH_PARTITION"):
        for partition in names.tables(attached):
            if partition not in context.new and not _has_checked_bounds(statement, partition, context):
                yield (
                    "ATTACH PARTITION scans the partition under a lock: first add and validate a CHECK of the same "
                    "bounds on the partition (migrator.add_check)"
                )


def _has_checked_bounds(statement: Node, partition: Name, context: Context) -> bool:
    """Return whether a validated CHECK of the partition is about the key by which its table is partitioned."""
    tables = names.tables(statement)
    parent, child = (context.schema.get(table.name) for table in (tables[0], partition))
    key = re.sub(r"^.*?\(|\)$|\"", "", parent.partitioning.get("by", "")) if parent else ""
    checks = [text for text in child.constraints.values() if text.startswith("CHECK")] if child else []
    return bool(key) and any(
        known_schema.mentions(text, key) and not known_schema.NOT_VALID.search(text) for text in checks
    )


@rule("disable-trigger")
def disable_trigger(statement: Node, context: Context) -> Messages:
    if statement.has("DISABLE_TRIGGER", "DISABLE_RULE", "ENABLE_REPLICA_TRIGGER", "ENABLE_REPLICA_RULE"):
        yield "without its triggers the foreign keys of a table are not enforced"


@rule("serial-column")
def serial_column(statement: Node, context: Context) -> Messages:
    for column in _added_columns(statement, context):
        if any(word.text.lower() in SERIAL for word in column.all("IDENT")):
            yield "a serial column gets a value in every row, which rewrites the table and blocks reads and writes"


@rule("check-with-column")
def check_with_column(statement: Node, context: Context) -> Messages:
    for column in _added_columns(statement, context):
        if column.has("CHECK_CONSTRAINT"):
            yield "the CHECK of a new column scans the table under a lock: add the column, then use migrator.add_check"


@rule("transaction-control")
def transaction_control(statement: Node, context: Context) -> Messages:
    if statement.kind in ("BEGIN", "COMMIT_TRANSACTION", "ROLLBACK_TRANSACTION", "PREPARE_TRANSACTION"):
        yield "the runner controls transactions: remove it, or write atomic = False to run each statement by itself"


@rule("trigger")
def trigger(statement: Node, context: Context) -> Messages:
    if statement.kind in ("CREATE_TRIGGER", "CREATE_RULE") and context.in_use(statement):
        yield (
            "what a trigger or rule writes leaves no mark, so readers may get a stale cached response: write it in "
            "the model, or declare what it writes (declare_write())"
        )


@rule("server-wide")
def server_wide(statement: Node, context: Context) -> Messages:
    of_roles = statement.kind == "GRANT" and not statement.has("ON_KW")
    of_all = statement.has("REINDEX_TARGET_DATABASE", "REINDEX_TARGET_SYSTEM", "ALL_IN_TABLESPACE")
    found = [statement.kind.replace("_", " ")] if SERVER_WIDE.fullmatch(statement.kind) or of_roles or of_all else []
    found += [f"{name}()" for _, name in names.calls(statement) if SERVER_FUNCTIONS.fullmatch(name)]
    for what in found:
        yield f"{what} affects the whole server, which others may share and a move leaves behind: run it there by hand"


@rule("system-catalog")
def system_catalog(statement: Node, context: Context) -> Messages:
    if statement.kind in (*WRITES, "INSERT", "TRUNCATE") or statement.kind.startswith(("ALTER_", "DROP_")):
        for name in names.objects(statement)[:1]:
            if name.schema in SYSTEM_SCHEMAS:
                yield f"{name.schema}.{name.name} is a system catalog: use DDL, a write may break the database"


@rule("extension")
def extension(statement: Node, context: Context) -> Messages:
    if statement.kind == "CREATE_EXTENSION":
        yield (
            "an extension belongs to the whole physical database, may need a superuser, and may be missing on the next "
            "server: say in `safe` how it is installed there, or do without it"
        )


def _added_columns(statement: Node, context: Context) -> Iterator[Node]:
    if statement.kind == "ALTER_TABLE" and context.in_use(statement):
        yield from statement.all("ADD_COLUMN")
