"""Our own rules: what squawk does not look at.

Each rule is a function of one statement that yields what is wrong with it. `new` are the tables that the same migration
creates: nobody uses them yet, so nothing can hurt them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from blog_app.config import DATABASE_NAMES
from blog_app.operations.migrate.lint import lock_modes, names
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node

WRITES = ("UPDATE", "DELETE", "MERGE")
IN_BODY = re.compile(rf'\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+"?({"|".join(DATABASE_NAMES)})"?\s*\.', re.I)
"""A table of a logical database in the body of a function, which is no more than a string to the parser."""
REWRITES = {
    "SET_UNLOGGED": "SET UNLOGGED",
    "SET_LOGGED": "SET LOGGED",
    "SET_TABLESPACE": "SET TABLESPACE",
    "SET_ACCESS_METHOD": "SET ACCESS METHOD",
}
SERIAL = {"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"}
OF_A_SERVER = (
    "ROLE",
    "USER",
    "GROUP",
    "DATABASE",
    "TABLESPACE",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "FOREIGN_DATA_WRAPPER",
    "EVENT_TRIGGER",
    "LANGUAGE",
    "CAST",
)
SERVER_WIDE = {f"{verb}_{what}" for verb in ("CREATE", "ALTER", "DROP") for what in OF_A_SERVER} | {"CHECKPOINT"}
SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
# What the runner or the pooler answers for; all else, like work_mem, may be set for one transaction.
RUNNERS_SETTINGS = re.compile(
    r"search_path|role|session_authorization|session_replication_role|row_security|synchronous_commit"
    r"|(lock|statement|transaction|idle_in_transaction_session)_timeout|default_transaction_\w+|transaction_\w+"
)
RUNNERS_FUNCTIONS = re.compile(
    r"set_config|pg_(try_)?advisory_\w+|pg_(terminate|cancel)_backend|pg_sleep\w*|dblink\w*|query_to_xml\w*"
)
SERVER_FUNCTIONS = re.compile(r"pg_(reload_conf|promote|switch_wal|rotate_logfile|\w*replication_\w+|\w*wal_replay\w*)")


@dataclass(frozen=True)
class Context:
    """What a rule may know besides the statement."""

    database: str
    new: frozenset[Name] = frozenset()
    rows: Mapping[str, int] = field(default_factory=dict)
    """About how many rows each table has, where a live database was asked."""
    locked: tuple[str, ...] = ()
    """Tables in use on which an earlier statement of the same transaction has a lock that stops everybody."""
    alone: bool = True
    """Whether it is the only statement of its transaction."""

    def in_use(self, statement: Node) -> list[Name]:
        return [name for name in names.tables(statement) if name not in self.new and name.schema not in SYSTEM_SCHEMAS]


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
    schemas = [part.text.strip('"') for part in statement.all("SCHEMA", "SCHEMA_REF")]
    schemas += [schema for body in statement.all("AS_DEFINITION") for schema in IN_BODY.findall(body.text)]
    schemas += [schema for schema, _ in _calls(statement) if schema in DATABASE_NAMES]
    for schema, name in [*names.objects(statement), *((schema, "") for schema in schemas)]:
        what = f"{schema}.{name}".rstrip(".")
        if schema in (None, context.database, *SYSTEM_SCHEMAS):
            continue
        if schema in DATABASE_NAMES:
            yield f"{what} belongs to another logical database, which may be on another server: ask its directory"
        else:
            yield (
                f"{what} belongs to no logical database, so no backup has it and no move takes it along: "
                f'keep it in "{context.database}"'
            )


@rule("write-under-lock")
def write_under_lock(statement: Node, context: Context) -> Found:
    reads = statement.kind in ("SELECT", "INSERT", "CREATE_TABLE_AS") and statement.has("FROM_CLAUSE")
    if context.locked and (statement.kind in WRITES or (reads and context.in_use(statement))):
        yield (
            f"this transaction already keeps everybody out of {', '.join(context.locked)}, and goes on doing so while "
            "it reads or changes rows: put the rows into a migration of their own"
        )


@rule("several-tables")
def several_tables(statement: Node, context: Context) -> Found:
    more = [lock.table.name for lock in lock_modes.taken(statement) if lock_modes.stops_all(lock, context.new)]
    if context.locked and (more := [name for name in more if name not in context.locked]):
        yield (
            f"this transaction keeps everybody out of {', '.join(context.locked)} while it waits for "
            f"{', '.join(more)}, and meets in a deadlock whoever uses them in another order: a migration for each table"
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
        yield "LOCK TABLE stops others for the rest of the transaction: the runner takes the locks that statements need"
    if statement.has("LOCKING_CLAUSE") and not statement.part("WHERE_CLAUSE") and context.in_use(statement):
        yield "this keeps others from changing every row for the rest of the transaction: choose the rows by WHERE"


@rule("full-rewrite")
def full_rewrite(statement: Node, context: Context) -> Found:
    if statement.kind == "VACUUM" and statement.has("FULL_KW"):
        yield "VACUUM FULL rewrites the table while nobody may use it"
    if statement.kind == "CLUSTER":
        yield "CLUSTER rewrites the table while nobody may use it"
    if statement.kind.startswith("ALTER_") and (statement.kind != "ALTER_TABLE" or context.in_use(statement)):
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
    if statement.has("DISABLE_TRIGGER", "DISABLE_RULE", "ENABLE_REPLICA_TRIGGER", "ENABLE_REPLICA_RULE"):
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
    belongs = "a session's settings and locks belong to the runner"
    if statement.kind in ("SET", "SET_SESSION_AUTH", "SET_ROLE", "RESET", "DISCARD"):
        local = statement.has("LOCAL_KW")
        names_ = [part.text.lower() for part in statement.all("CONFIG_PARAMETER_REF")]
        if not local or not names_ or any(RUNNERS_SETTINGS.fullmatch(name) for name in names_):
            yield f"{belongs}: say statement_timeout = SECONDS in the file, qualify names; SET LOCAL is for the rest"
    if statement.kind in ("LISTEN", "UNLISTEN") or (statement.kind == "DECLARE" and statement.has("WITH_HOLD")):
        yield f"{belongs}, and behind the pooler a session is nobody's own"
    for _, name in _calls(statement):
        if RUNNERS_FUNCTIONS.fullmatch(name):
            yield f"{belongs}: leave out {name}()"


@rule("transaction-control")
def transaction_control(statement: Node, context: Context) -> Found:
    if statement.kind in ("BEGIN", "COMMIT_TRANSACTION", "ROLLBACK_TRANSACTION", "PREPARE_TRANSACTION"):
        yield "transactions belong to the runner; atomic = False runs each statement by itself"


@rule("hidden-code")
def hidden_code(statement: Node, context: Context) -> Found:
    hint = "cannot be looked into: write its statements into the migration"
    if statement.kind in ("DO", "CALL", "EXECUTE", "LOAD"):
        yield f"{'a DO block' if statement.kind == 'DO' else statement.kind} {hint}"
    if statement.kind == "COPY":
        yield "COPY reads what only the server's machine has: INSERT the rows, or load them by flask seed"
    if statement.kind in ("SELECT", "SELECT_INTO", "VALUES", "WITH"):
        for schema, name in _calls(statement):
            if schema and schema not in SYSTEM_SCHEMAS:
                yield f"the function {schema}.{name} {hint}"


@rule("trigger")
def trigger(statement: Node, context: Context) -> Found:
    if statement.kind in ("CREATE_TRIGGER", "CREATE_RULE") and context.in_use(statement):
        yield (
            "from now on every write of the running code does more than it says, and what that writes leaves no mark: "
            "readers may be shown an older answer. Do it in the model, or declare what it writes (declare_write())"
        )


@rule("server-wide")
def server_wide(statement: Node, context: Context) -> Found:
    of_roles = statement.kind == "GRANT" and not statement.has("ON_KW")
    of_all = statement.has("REINDEX_TARGET_DATABASE", "REINDEX_TARGET_SYSTEM", "ALL_IN_TABLESPACE")
    found = [statement.kind.replace("_", " ")] if statement.kind in SERVER_WIDE or of_roles or of_all else []
    found += [f"{name}()" for _, name in _calls(statement) if SERVER_FUNCTIONS.fullmatch(name)]
    for what in found:
        yield f"{what} is about a whole server, which others may share and a move leaves behind: do it there by hand"


@rule("system-catalog")
def system_catalog(statement: Node, context: Context) -> Found:
    if statement.kind in (*WRITES, "INSERT", "TRUNCATE") or statement.kind.startswith(("ALTER_", "DROP_")):
        for name in names.objects(statement)[:1]:
            if name.schema in SYSTEM_SCHEMAS:
                yield f"{name.schema}.{name.name} is PostgreSQL's own, and writing there by hand may break the database"


@rule("extension")
def extension(statement: Node, context: Context) -> Found:
    if statement.kind == "CREATE_EXTENSION":
        yield (
            "an extension belongs to a whole physical database and may need its owner: the next server may not have "
            "it. Say how it gets there, or do without"
        )


def _calls(statement: Node) -> Iterator[tuple[str, str]]:
    """Yield the schema (empty if it is not written) and the name of every function that a statement calls."""
    for call in statement.all("CALL_EXPR"):
        schema, _, name = call.parts[0].text.replace('"', "").lower().rpartition(".")
        yield schema, name


def _added_columns(statement: Node, context: Context) -> Iterator[Node]:
    if statement.kind == "ALTER_TABLE" and context.in_use(statement):
        yield from statement.all("ADD_COLUMN")


def _touches_use(statement: Node, context: Context) -> bool:
    return not names.tables(statement) or bool(context.in_use(statement))
