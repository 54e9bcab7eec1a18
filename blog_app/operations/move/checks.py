"""The preconditions of a move: every reason against it is reported together, each with its remedy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import peewee

from blog_app.data.databases import first_line, sqlstates
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.move import MoveError
from blog_app.operations.move.fence import FencedDatabase
from blog_app.operations.move.replication import TABLES_WITHOUT_KEY
from blog_app.operations.move.state import Addresses

MIN_VERSION = 14
"""The first version that can replace a trigger."""
MIN_VERSION_ONLINE = 16
"""The first version in which a role without superuser rights may subscribe, and which has `origin = none`."""
TRIAL_TIMEOUT = 3.0

DATABASE_IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || oid
FROM pg_database WHERE datname = current_database()
"""
ENCODING = "SELECT current_setting('server_encoding')"
NOT_OWNED = """
SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'p', 'm', 'S')
  AND NOT pg_has_role(relowner, 'USAGE')
UNION ALL
SELECT 'the schema itself' FROM pg_namespace WHERE nspname = %s AND NOT pg_has_role(nspowner, 'USAGE')
"""
UNSUPPORTED_TABLES = """
SELECT CASE WHEN c.relkind = 'f' THEN 'a foreign table: DROP FOREIGN TABLE, and create it again afterwards'
            WHEN c.relpersistence = 'u' THEN 'unlogged: ALTER TABLE … SET LOGGED'
            ELSE 'under FORCE ROW LEVEL SECURITY: ALTER TABLE … NO FORCE ROW LEVEL SECURITY' END, c.relname
FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(%s))
  AND (c.relkind = 'f' OR c.relkind IN ('r', 'p') AND (c.relpersistence = 'u' OR c.relforcerowsecurity))
UNION ALL
SELECT 'without a key and has a column of a type that cannot be compared: give it a primary key', c.relname
FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND c.relname = ANY(%s) AND EXISTS (
    SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND t.typname IN ('json', 'xml', 'point', 'box',
        'line', 'lseg', 'path', 'polygon', 'circle'))
UNION ALL
SELECT 'the table of trigger ' || t.tgname || ', which fires for copied rows too: ALTER TABLE … ENABLE TRIGGER',
       c.relname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND t.tgenabled IN ('A', 'R')
UNION ALL
SELECT 'tied to another schema by the foreign key ' || k.conname || ': drop it', c.relname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace <> f.relnamespace
  AND to_regnamespace(quote_ident(%s)) IN (c.relnamespace, f.relnamespace)
UNION ALL
SELECT 'read by ' || v.oid::regclass || ' in another schema: drop that view', c.relname
FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
JOIN pg_class v ON v.oid = r.ev_class JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND v.relnamespace <> c.relnamespace
GROUP BY 1, 2
"""
# Extensions that the schema uses: for the type of a column, an operator class, a function of a default.
EXTENSIONS = """
WITH mine(classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, oid FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
              WHERE connamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid
              WHERE c.relnamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
              WHERE c.relnamespace = to_regnamespace(quote_ident(%s))
    UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
              WHERE c.relnamespace = to_regnamespace(quote_ident(%s)))
SELECT DISTINCT e.extname FROM mine JOIN pg_depend d USING (classid, objid)
JOIN pg_depend m ON m.classid = d.refclassid AND m.objid = d.refobjid AND m.deptype = 'e'
JOIN pg_extension e ON e.oid = m.refobjid
WHERE m.refclassid = 'pg_extension'::regclass
"""
GRANTEES = """
SELECT DISTINCT r.rolname FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND a.grantee <> c.relowner
UNION
SELECT r.rolname FROM pg_namespace n, aclexplode(n.nspacl) a JOIN pg_roles r ON r.oid = a.grantee
WHERE n.nspname = %s AND a.grantee <> n.nspowner
"""


def tables_without_key(database: FencedDatabase) -> tuple[str, ...]:
    """Return the tables without a key that identifies a row for replication."""
    return tuple(name for (name,) in database.connection.execute_sql(TABLES_WITHOUT_KEY, (database.name,)).fetchall())


def require_different(name: str, source: Connection, target: Connection) -> None:
    """Raise `MoveError` if both addresses lead to the same database."""
    if source.value(DATABASE_IDENTITY) == target.value(DATABASE_IDENTITY):
        raise MoveError(f"{name} is there already: --to names the database that it would leave")


def require_movable(source: FencedDatabase, target: FencedDatabase, addresses: Addresses, *, offline: bool) -> None:
    """Raise `MoveError` that lists all reasons against this move."""
    reasons = [*_about_both(source, target), *_about_source(source, offline=offline), *_about_target(source, target)]
    if not offline and not reasons:
        reasons = [*_about_replication(source, target, addresses)]
    if reasons:
        raise MoveError("\n  ".join([f"{source.name} cannot be moved:", *reasons]))


def _about_both(source: FencedDatabase, target: FencedDatabase) -> Iterator[str]:
    encoding, other = (database.connection.value(ENCODING) for database in (source, target))
    if encoding != other:
        yield f"the databases have different encodings, {encoding} and {other}: CREATE DATABASE … ENCODING '{encoding}'"
    old, new = (database.connection.server_version // 10_000 for database in (source, target))
    if old < MIN_VERSION:
        yield f"the source is PostgreSQL {old}: a move needs {MIN_VERSION} or newer"
    if new < old:
        yield f"the target is PostgreSQL {new}, older than the source ({old}): an older version cannot restore the dump"


def _about_source(source: FencedDatabase, *, offline: bool) -> Iterator[str]:
    name, connection = source.name, source.connection
    if not source.exists(name):
        yield f"the database of {name.upper()}_DIRECT_URL has no schema {name} (flask migrate up creates it)"
    if foreign := [table for (table,) in connection.execute_sql(NOT_OWNED, (name, name)).fetchall()]:
        yield f"the role does not own {', '.join(foreign)}: log in as their owner, or ALTER … OWNER TO"
    for reason, table in connection.execute_sql(
        UNSUPPORTED_TABLES, (name, name, list(tables_without_key(source)), *[name] * 3)
    ):
        if not (offline and reason.startswith(("unlogged", "without a key"))):
            yield f"{table} is {reason}"
    if source.exists(source.hidden):
        yield f"the source has a schema {source.hidden}: drop or rename it"
    if not connection.value("SELECT has_database_privilege(current_database(), 'CREATE')"):
        yield "the role may not create a schema at the source: GRANT CREATE ON DATABASE … TO …"


def _about_target(source: FencedDatabase, target: FencedDatabase) -> Iterator[str]:
    name, connection = source.name, target.connection
    if target.exists(name) and (tables := target.relations("r", "p", "v", "m", "S", "f")):
        yield (
            f"the target has a schema {name} with {len(tables)} relations ({', '.join(tables[:3])}, …), and it is "
            f"not of this move: use another database, or DROP SCHEMA {name} CASCADE there if nobody needs it"
        )
    if target.exists(target.hidden):
        yield f"the target has a schema {target.hidden}, left by an earlier move: drop it there"
    if target.record:
        yield "the target is part of another move of the same logical database: end that first"
    if not connection.value("SELECT has_database_privilege(current_database(), 'CREATE')"):
        yield "the role may not create a schema at the target: GRANT CREATE ON DATABASE … TO …"
    present = {extension for (extension,) in connection.execute_sql("SELECT extname FROM pg_extension").fetchall()}
    for (extension,) in source.connection.execute_sql(EXTENSIONS, [name] * 7).fetchall():
        if extension not in present:
            yield f'the target lacks an extension that {name} uses: CREATE EXTENSION "{extension}"'
    known = {role for (role,) in connection.execute_sql("SELECT rolname FROM pg_roles").fetchall()}
    for (role,) in source.connection.execute_sql(GRANTEES, (name, name)).fetchall():
        if role not in known:
            yield f'the target lacks a role that has privileges on {name}: CREATE ROLE "{role}", or REVOKE them'


def _about_replication(source: FencedDatabase, target: FencedDatabase, addresses: Addresses) -> Iterator[str]:
    """Try each operation on the servers and roll it back: providers grant privileges in different ways."""
    for database in (source, target):
        version = database.connection.server_version // 10_000
        if version < MIN_VERSION_ONLINE:
            yield f"the {database.side} is PostgreSQL {version}; a move needs {MIN_VERSION_ONLINE} or newer. {OFFLINE}"
            return
    back = "(for the way back)"
    yield from _trial(source, "the source", lambda: _try_slot(source))
    yield from _trial(target, f"the target {back}", lambda: _try_slot(target))
    yield from _trial(target, "the target", lambda: _try_subscription(target, addresses.source_inside))
    yield from _trial(source, f"the source {back}", lambda: _try_subscription(source, addresses.target_inside))


UNREACHABLE = "check that the servers reach each other by these addresses (--source-inside, --target-inside)"
OFFLINE = "Or move it with --offline: writes are refused while all rows are copied"
REMEDIES = {
    sqlstates.INSUFFICIENT_PRIVILEGE: (
        'GRANT pg_create_subscription TO "{role}", ALTER ROLE "{role}" REPLICATION (or as your provider has it)'
    ),
    sqlstates.OBJECT_NOT_IN_PREREQUISITE_STATE: "set wal_level = logical there, which takes a restart",
    sqlstates.CONFIGURATION_LIMIT_EXCEEDED: (
        "raise max_replication_slots there, or drop a slot that nobody uses (pg_replication_slots)"
    ),
}


def _trial(database: FencedDatabase, who: str, attempt: Callable[[], None]) -> Iterator[str]:
    try:
        with database.connection.limits(lock=0, statement=TRIAL_TIMEOUT):
            attempt()
    except peewee.DatabaseError as error:
        code = sqlstates.sqlstate(error)
        if code == sqlstates.QUERY_CANCELED:
            return  # It waits for an open transaction, so the role may. The move itself reports that, and waits.
        role = database.connection.value("SELECT current_user")
        remedy = REMEDIES.get(code, UNREACHABLE).format(role=role)
        yield f"{who} refuses: {first_line(error)}: {remedy}. {OFFLINE}"


def _try_slot(database: FencedDatabase) -> None:
    slot = f"move_{database.name}_trial_{os.getpid()}"
    database.connection.execute_sql("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)", (slot,))
    database.connection.execute_sql("SELECT pg_drop_replication_slot(%s)", (slot,))


def _try_subscription(database: FencedDatabase, address: str) -> None:
    with database.connection.atomic() as transaction:
        database.connection.execute_sql(
            f"CREATE SUBSCRIPTION move_{database.name}_trial CONNECTION %s PUBLICATION move_{database.name}_trial "
            "WITH (create_slot = false, copy_data = false, enabled = false, origin = none)",
            (address,),
        )
        transaction.rollback()
