"""Lint rules on settings, functions and code that the lint cannot see into.

A function that is STABLE or IMMUTABLE cannot write, so PostgreSQL itself vouches for it. Of PostgreSQL's own functions
those pass that only compute or look up; the others, such as `setval`, `lo_unlink` and most of `pg_…`, change something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.context import SYSTEM_SCHEMAS, Context, Function
from blog_app.operations.migrate.lint.rules import Messages, rule
from blog_app.operations.migrate.lint.syntax import Node

# Settings of one transaction that change how fast a statement runs, never what it does or how long it blocks.
HARMLESS_SETTINGS = re.compile(
    r"(maintenance_|autovacuum_)?work_mem|hash_mem_multiplier|temp_buffers|application_name|client_min_messages"
    r"|enable_\w+|jit\w*|(min_|max_)?parallel_\w+|max_parallel_\w+|(random|seq)_page_cost|effective_\w+"
    r"|\w+_collapse_limit|geqo\w*|plan_cache_mode|intervalstyle|datestyle|extra_float_digits"
)
CALLING = (
    *("SELECT", "COMPOUND_SELECT", "PAREN_SELECT", "SELECT_INTO", "VALUES", "WITH", "EXPLAIN", "PREPARE", "DECLARE"),
    *("INSERT", "UPDATE", "DELETE", "MERGE", "CREATE_TABLE_AS", "CREATE_MATERIALIZED_VIEW", "REFRESH"),
)
"""Statements that call a function at once, not later."""
SESSION_FUNCTIONS = re.compile(
    r"set_config|pg_(try_)?advisory_\w+|pg_(terminate|cancel)_backend|pg_sleep\w*|pg_export_snapshot"
)
WRITING_FUNCTIONS = re.compile(
    r"lo_\w+|lo(read|write)|dblink\w*|(query|table|schema|database|cursor)_to_xml\w*|currtid2?"
)
READING_PG_FUNCTIONS = re.compile(
    r"pg_(typeof|get_\w+|size_\w+|\w+_size|current_\w+|is_\w+|has_\w+|\w+_is_\w+|backend_pid|my_temp_schema|input_\w+"
    r"|partition_\w+|(describe|identify)_\w+|collation_\w+|encoding_\w+|char_to_encoding|blocking_pids|snapshot_\w+"
    r"|xact_status|conf_load_time|postmaster_start_time|trigger_depth|jit_available|basetype|to_\w+|notify|lsn|wal_lsn_diff"
    r"|sequence_last_value|sequence_parameters|index_\w+|column_\w+|relation_filenode|relation_filepath|stat_get_\w+)"
)


@rule("session-setting")
def session_setting(statement: Node, context: Context) -> Messages:
    reserved = "session settings and locks are reserved for the runner"
    if statement.kind in ("SET", "SET_SESSION_AUTH", "SET_ROLE", "RESET", "DISCARD", "SET_TRANSACTION"):
        settings = [part.text.lower() for part in statement.all("CONFIG_PARAMETER_REF")]
        local = statement.has("LOCAL_KW") and statement.kind == "SET"
        if not local or not settings or not all(HARMLESS_SETTINGS.fullmatch(name) for name in settings):
            yield (
                f"{reserved}: write statement_timeout = SECONDS in the file, qualify names; SET LOCAL is for settings "
                "of the planner and its memory, such as work_mem"
            )
    if statement.kind in ("LISTEN", "UNLISTEN") or (statement.kind == "DECLARE" and statement.has("WITH_HOLD")):
        yield f"{reserved}, and sessions are shared behind the pooler: remove {statement.kind}"
    for _, name in names.calls(statement):
        if SESSION_FUNCTIONS.fullmatch(name):
            yield f"{reserved}: remove {name}()"


@rule("sequence-value")
def sequence_value(statement: Node, context: Context) -> Messages:
    """`setval` of a sequence in use gives out values again that rows have, or leaves a gap."""
    for call in statement.all("CALL_EXPR"):
        of_new = any(re.search(rf"\b{re.escape(table.name)}", call.text) for table in context.new)
        created = [node for node in context.earlier if node.kind == "CREATE_SEQUENCE"]
        of_new |= any(name.name in call.text for node in created for name in names.objects(node))
        if call.parts[0].text.lower().rpartition(".")[2].strip('"') == "setval" and not of_new:
            yield (
                "running code takes values from the sequence meanwhile, and inserts fail where a value comes again: "
                "create a new sequence, or declare it safe for a table that nobody inserts into"
            )


@rule("hidden-code")
def hidden_code(statement: Node, context: Context) -> Messages:
    hint = "cannot be checked: write its statements into the migration"
    if statement.kind in ("DO", "CALL", "EXECUTE", "LOAD"):
        yield f"{'a DO block' if statement.kind == 'DO' else statement.kind} {hint}"
    if statement.kind == "COPY":
        yield "COPY reads files of the database server: use INSERT, or load the rows with flask seed"
    if statement.kind in CALLING:
        for schema, name in names.calls(statement):
            own = (bool(schema) and schema not in SYSTEM_SCHEMAS) or (not schema and name in context.functions)
            if own and context.functions.get(name, Function()).may_write and name not in _declared_read_only(context):
                yield f"the function {name} may write, which {hint}, or declare it STABLE where it is created"
            if not own and (WRITING_FUNCTIONS.fullmatch(name) or _is_unknown_pg_function(name)):
                yield f"the function {name} changes more than rows of this database: remove it"


def _declared_read_only(context: Context) -> Iterator[str]:
    """Yield the functions that this migration creates as STABLE or IMMUTABLE."""
    for node in context.earlier:
        if node.kind == "CREATE_FUNCTION" and node.has("STABLE", "IMMUTABLE"):
            yield from (name.name for name in names.objects(node)[:1])


def _is_unknown_pg_function(name: str) -> bool:
    reserved = READING_PG_FUNCTIONS.fullmatch(name) or SESSION_FUNCTIONS.fullmatch(name)
    return name.startswith("pg_") and not reserved
