"""Our own rules: what squawk does not look at.

Each rule is a function of one statement that yields what is wrong with it. `new` are the tables that the same migration
creates: nobody uses them yet, so nothing can hurt them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from blog_app.config import DATABASE_NAMES
from blog_app.migrate.lint import names
from blog_app.migrate.lint.names import Name
from blog_app.migrate.lint.syntax import Node

BIG = 10_000
"""Rows from which on one statement should not change a table by a condition."""
WRITES = ("UPDATE", "DELETE", "MERGE")
REWRITES = {
    "SET_UNLOGGED": "SET UNLOGGED",
    "SET_LOGGED": "SET LOGGED",
    "SET_TABLESPACE": "SET TABLESPACE",
    "SET_ACCESS_METHOD": "SET ACCESS METHOD",
}
SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}


@dataclass(frozen=True)
class Context:
    """What a rule may know besides the statement."""

    database: str
    new: frozenset[Name] = frozenset()
    rows: Mapping[str, int] = field(default_factory=dict)
    """About how many rows each table has, where a live database was asked."""
    locked: tuple[str, ...] = ()
    """Tables in use on which an earlier statement of the same transaction has a lock that stops everybody."""

    def in_use(self, statement: Node) -> list[Name]:
        return [name for name in names.tables(statement) if name not in self.new]


Found = Iterator[str]
Rule = Callable[[Node, Context], Found]
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Register a rule under the name by which a migration may call it safe."""

    def register(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return register


@rule("unqualified-name")
def unqualified_name(statement: Node, context: Context) -> Found:
    for name in names.objects(statement):
        if name.schema is None:
            yield f'{name.name} is named without its schema: write "{context.database}"."{name.name}"'


@rule("other-database")
def other_database(statement: Node, context: Context) -> Found:
    for name in names.objects(statement):
        if name.schema in DATABASE_NAMES and name.schema != context.database:
            yield f"{name.schema}.{name.name} belongs to another logical database, which may be on another server"


@rule("all-rows")
def all_rows(statement: Node, context: Context) -> Found:
    for write in (statement, *statement.all(*WRITES)):
        if write.kind in ("UPDATE", "DELETE") and not write.part("WHERE_CLAUSE") and context.in_use(write):
            yield f"{write.kind} without WHERE changes every row in one transaction: use migrator.backfill"


@rule("many-rows")
def many_rows(statement: Node, context: Context) -> Found:
    if statement.kind not in WRITES or (statement.kind != "MERGE" and not statement.part("WHERE_CLAUSE")):
        return
    for name in context.in_use(statement)[:1]:
        rows = context.rows.get(name.name, 0)
        if rows >= BIG:
            yield f"{statement.kind} of {name.name} (about {rows:,} rows) in one transaction: use migrator.backfill"


@rule("write-under-lock")
def write_under_lock(statement: Node, context: Context) -> Found:
    if context.locked and statement.kind in WRITES:
        yield (
            f"this transaction already keeps everybody out of {', '.join(context.locked)}, and goes on doing so while "
            "it changes rows: put the rows into a migration of their own"
        )


@rule("truncate")
def truncate(statement: Node, context: Context) -> Found:
    if statement.kind == "TRUNCATE" and context.in_use(statement):
        yield "TRUNCATE loses all rows, and waits for everybody who uses the table"


@rule("drop-cascade")
def drop_cascade(statement: Node, context: Context) -> Found:
    drops = statement.kind.startswith("DROP_") or any(statement.all("DROP_COLUMN", "DROP_CONSTRAINT"))
    if drops and statement.has("CASCADE") and _touches_use(statement, context):
        yield "CASCADE drops whatever depends on it, without naming it"


@rule("lock-table")
def lock_table(statement: Node, context: Context) -> Found:
    if statement.kind == "LOCK":
        yield "LOCK TABLE stops others for the rest of the transaction"


@rule("full-rewrite")
def full_rewrite(statement: Node, context: Context) -> Found:
    if statement.kind == "VACUUM" and statement.has("FULL_KW"):
        yield "VACUUM FULL rewrites the table while nobody may use it"
    if statement.kind == "CLUSTER":
        yield "CLUSTER rewrites the table while nobody may use it"
    if statement.kind == "ALTER_TABLE" and context.in_use(statement):
        for kind, words in REWRITES.items():
            if statement.has(kind):
                yield f"{words} rewrites the table while nobody may use it"


@rule("refresh-not-concurrent")
def refresh_not_concurrent(statement: Node, context: Context) -> Found:
    if statement.kind == "REFRESH" and not statement.has("CONCURRENTLY_KW"):
        yield "REFRESH MATERIALIZED VIEW stops its readers: use CONCURRENTLY, which needs a unique index"


@rule("attach-partition")
def attach_partition(statement: Node, context: Context) -> Found:
    if statement.has("ATTACH_PARTITION") and context.in_use(statement):
        yield "ATTACH PARTITION reads the whole partition under a lock, unless a validated CHECK says the same"


@rule("disable-trigger")
def disable_trigger(statement: Node, context: Context) -> Found:
    if statement.has("DISABLE_TRIGGER"):
        yield "without its triggers a table is not protected by its foreign keys"


@rule("serial-column")
def serial_column(statement: Node, context: Context) -> Found:
    for column in _added_columns(statement, context):
        if any(word.text.lower() in SERIAL for word in column.all("IDENT")):
            yield "a serial column fills itself in every row, which rewrites the table while nobody may use it"


@rule("check-with-column")
def check_with_column(statement: Node, context: Context) -> Found:
    for column in _added_columns(statement, context):
        if column.has("CHECK_CONSTRAINT"):
            yield "a new column's CHECK is proved for every row under a strong lock: add the column, then add_check"


@rule("session-setting")
def session_setting(statement: Node, context: Context) -> Found:
    if statement.kind in ("SET", "SET_SESSION_AUTH", "SET_ROLE", "RESET") and not statement.has("LOCAL_KW"):
        yield "a session's settings belong to the runner: use SET LOCAL, or statement_timeout = SECONDS in the file"


@rule("transaction-control")
def transaction_control(statement: Node, context: Context) -> Found:
    if statement.kind in ("BEGIN", "COMMIT_TRANSACTION", "ROLLBACK_TRANSACTION", "PREPARE_TRANSACTION"):
        yield "transactions belong to the runner; atomic = False runs each statement by itself"


@rule("hidden-code")
def hidden_code(statement: Node, context: Context) -> Found:
    if statement.kind == "DO":
        yield "a DO block cannot be looked into"


def _added_columns(statement: Node, context: Context) -> Iterator[Node]:
    if statement.kind == "ALTER_TABLE" and context.in_use(statement):
        yield from statement.all("ADD_COLUMN")


def _touches_use(statement: Node, context: Context) -> bool:
    return not names.tables(statement) or bool(context.in_use(statement))
