"""Trial run: what PostgreSQL itself does for the statements of migrations, on empty copies of the live tables.

A table that PostgreSQL rewrites gets another file, even when it is empty, and a scan is counted, so the trial knows
without a row what a type, a domain, a CHECK, an expression index or a full DEFAULT partition costs on this very server.

The copies are in a schema of their own, in a transaction that is rolled back: nobody sees them, and the live tables are
only locked against changes of their schema, for a moment. A statement that cannot be tried leaves the lint's own rules.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from typing import Any

import peewee

from blog_app.data.databases import first_line
from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.connection import Connection
from blog_app.operations.migrate.lint import names, syntax
from blog_app.operations.migrate.lint.context import Effects
from blog_app.operations.migrate.lint.syntax import Node

TRIED = (
    *("CREATE_TABLE", "ALTER_TABLE", "DROP_TABLE", "CREATE_INDEX", "ALTER_INDEX", "DROP_INDEX"),
    *("CREATE_TYPE", "CREATE_DOMAIN", "ALTER_DOMAIN", "CREATE_SEQUENCE", "CREATE_FUNCTION"),
)
CONCURRENTLY = re.compile(r"\bCONCURRENTLY\b", re.I)
"""It is not possible in a transaction, and does the same to an empty table without it."""

# Tables, parents before their partitions; a partitioned table is copied with its DEFAULT and one more partition.
TABLES = """
WITH RECURSIVE tree AS (
    SELECT c.oid, 0 AS depth, NULL::oid AS parent FROM pg_catalog.pg_class c
    WHERE c.relnamespace = to_regnamespace(%(schema)s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    UNION ALL
    SELECT i.inhrelid, tree.depth + 1, tree.oid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
    JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT c.oid, c.relname, parent.relname, pg_get_expr(c.relpartbound, c.oid),
       CASE c.relkind WHEN 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(c.oid) ELSE '' END
FROM tree JOIN pg_catalog.pg_class c USING (oid) LEFT JOIN pg_catalog.pg_class parent ON parent.oid = tree.parent
ORDER BY tree.depth, pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT', c.oid
"""
FOREIGN_KEYS = """
SELECT t.relname, o.relname FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class t ON t.oid = k.conrelid
JOIN pg_catalog.pg_class o ON o.oid = k.confrelid
WHERE k.contype = 'f' AND t.relnamespace = to_regnamespace(%s)
"""
# What a partition has from its table comes with it.
INDEXES = """
SELECT pg_get_indexdef(x.indexrelid) FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = %s AND NOT i.relispartition AND x.indisvalid
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = x.indexrelid AND contype IN ('p', 'u', 'x'))
"""
CONSTRAINTS = """
SELECT 'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(conname) || ' '
       || pg_get_constraintdef(oid)
FROM pg_catalog.pg_constraint
WHERE conrelid = %s AND contype = ANY (%s) AND coninhcount = 0 AND conparentid = 0
  AND (confrelid = 0 OR confrelid = ANY (%s))
ORDER BY array_position('{p,u,x,c,f}', contype::text)
"""
# Statements name these too, but they are not copied.
OTHER_OBJECTS = """
SELECT typname FROM pg_catalog.pg_type t WHERE typnamespace = to_regnamespace(%(schema)s)
  AND (typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
UNION SELECT proname FROM pg_catalog.pg_proc WHERE pronamespace = to_regnamespace(%(schema)s)
UNION SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = to_regnamespace(%(schema)s) AND relkind IN ('v', 'm', 'S', 'f')
"""
FILES = """
SELECT oid, relname, pg_relation_filenode(oid), CASE WHEN relkind = 'r' THEN pg_stat_get_xact_numscans(oid) ELSE 0 END
FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'i')
"""
IS_EMPTY = "SELECT pg_relation_size(to_regclass(%s)) = 0"


def observe(live: Connection, schema: str, statements: Sequence[Node]) -> list[Effects | None]:
    """Return the effects of each statement, run after those before it; None where it cannot be tried."""
    if not any(statement.kind in TRIED for statement in statements):
        return [None] * len(statements)

    def attempt() -> list[Effects | None]:
        with live.atomic() as transaction:
            found = Trial(live, schema, statements).run()
            transaction.rollback()
        return found

    try:
        return live.retry_on_lock_timeout(attempt, "try the migrations on empty copies of the tables")
    except peewee.ProgrammingError as error:  # The role may not create schemas, for example.
        live.report(f"{schema}: the migrations cannot be tried on empty copies of the tables: {first_line(error)}")
        return [None] * len(statements)


class Trial:
    """Copies tables into a schema of their own, and runs the statements there."""

    def __init__(self, live: Connection, schema: str, statements: Sequence[Node]) -> None:
        self.live = live
        self.schema = schema
        self.statements = statements
        self.own = f"{schema}_trial_{secrets.token_hex(4)}"
        self.name = re.compile(rf"""(?<![\w."])(?:"{schema}"|{schema})\s*\.\s*("(?:[^"]|"")+"|\w+)""", re.I)
        self.kept = {row[0] for row in live.execute_sql(OTHER_OBJECTS, {"schema": schema}).fetchall()}

    def run(self) -> list[Effects | None]:
        """Return the effects of each statement."""
        # The catalog writes names with their schema unless the search path finds them.
        self.live.execute_sql("SET LOCAL search_path = public")
        self.live.execute_sql("SET LOCAL check_function_bodies = off")
        self.live.execute_sql(f'CREATE SCHEMA "{self.own}"')
        self._copy()
        return [self._effects(statement) if self._may_try(statement) else None for statement in self.statements]

    def _may_try(self, statement: Node) -> bool:
        """Return whether it changes only what is copied."""
        changed = {name.name for name in names.objects(statement)[:1]}
        replaces = statement.kind.startswith(("ALTER_", "DROP_")) or statement.has("OR_REPLACE")
        return statement.kind in TRIED and not (replaces and changed & self.kept)

    def _effects(self, statement: Node) -> Effects | None:
        before = self._files()
        try:
            with self.live.atomic():
                self._send(statement)
        except (peewee.DatabaseError, MigrationError):
            return None
        after = self._files()
        both = before.keys() & after.keys()
        named = [name.name for name in names.tables(statement)]
        scanned = [before[oid][0] for oid in both if before[oid][2] != after[oid][2]]
        return Effects(
            frozenset(before[oid][0] for oid in both if before[oid][1] != after[oid][1]),
            frozenset(name for name in scanned if name in named or not self._is_empty(name)),
        )

    def _is_empty(self, table: str) -> bool:
        """Return whether the live table has no row: a DEFAULT partition, which no statement names, often has none."""
        return bool(self.live.value(IS_EMPTY, (f'"{self.schema}"."{table}"',)))

    def _files(self) -> dict[int, tuple[str, int, int]]:
        return {oid: tuple(rest) for oid, *rest in self.live.execute_sql(FILES, (self.own,)).fetchall()}

    def _send(self, statement: Node) -> None:
        """Run a statement on the copies: its names lead there, but for those in literals and comments."""
        literals: list[str] = []

        def masked(node: Node) -> str:
            if node.kind == "COMMENT":
                return " "
            if not node.parts and "STRING" in node.kind:
                literals.append(node.text)
                return f"\0{len(literals) - 1}\0"
            return "".join(map(masked, node.parts)) if node.parts else node.text

        text = self.name.sub(self._in_own_schema, CONCURRENTLY.sub("", masked(statement)))
        self.live.send(re.sub(r"\0(\d+)\0", lambda found: literals[int(found[1])], text))

    def _in_own_schema(self, found: re.Match[str]) -> str:
        kept = names.parts(Node("", found[1]))[-1] in self.kept
        return found[0] if kept else f'"{self.own}".{found[1]}'

    def _copy(self) -> None:
        rows = self.live.execute_sql(TABLES, {"schema": self.schema}).fetchall()
        wanted = self._wanted({name: parent for _, name, parent, *_ in rows})
        tables = [row for row in rows if row[1] in wanted]
        oids = [row[0] for row in tables]
        for _, name, parent, bound, partition_by in tables:
            own, live = (f'"{schema}"."{name}"' for schema in (self.own, self.schema))
            if parent:
                self.live.send(f'CREATE TABLE {own} PARTITION OF "{self.own}"."{parent}" {bound}{partition_by}')
            else:
                like = f"LIKE {live} INCLUDING ALL EXCLUDING INDEXES EXCLUDING CONSTRAINTS EXCLUDING STATISTICS"
                self.live.send(f"CREATE TABLE {own} ({like}){partition_by}")
        added = [text.replace(" ON ONLY ", " ON ") for oid in oids for text in self._texts(INDEXES, oid)]
        for types in ("puxc", "f"):
            added += [text for oid in oids for text in self._texts(CONSTRAINTS, oid, list(types), oids)]
        for nodes in syntax.parse_all(added):
            for node in nodes:
                self._send(node)

    def _texts(self, query: str, *parameters: Any) -> list[str]:
        return [text for (text,) in self.live.execute_sql(query, parameters).fetchall()]

    def _wanted(self, parents: dict[str, str | None]) -> Collection[str]:
        """Return the tables that the statements name, those that share a foreign key with them, and some partitions."""
        named = {name.name for statement in self.statements for name in names.tables(statement)}
        while above := {parents[name] or name for name in named if name in parents} - named:
            named |= above
        keys = self.live.execute_sql(FOREIGN_KEYS, (self.schema,)).fetchall()
        named |= {other for pair in keys if named & {*pair} for other in pair}
        seen: dict[str, int] = {}
        for name, parent in parents.items():  # The DEFAULT partition comes first.
            if parent in named:
                seen[parent or ""] = seen.get(parent or "", 0) + 1
                if seen[parent or ""] <= 2:
                    named.add(name)
        return named
