"""The plan: the statements that `up` would send, their locks, the sizes of the locked tables, and the lint findings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from pathlib import Path
from typing import Any

import peewee

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, catalog, files, history, trial
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.migrate.dry_run import Statement
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.lint import known_schema, lock_modes, rollbacks, syntax
from blog_app.operations.migrate.lint.context import Context, Function, contexts
from blog_app.operations.migrate.lint.linter import Finding, lint
from blog_app.operations.migrate.lint.syntax import Node
from blog_app.operations.migrate.preview import Preview, preview

SAVEPOINTS = re.compile(r'(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) "?\w+"?;?')  # Of Peewee's `atomic`.
WRITE = re.compile(r"\s*(INSERT|UPDATE|DELETE)\b", re.I)
VALUE = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b")
# A table that nobody has analyzed yet is guessed at 100 bytes a row; a partitioned one is the sum of its partitions.
SIZES = """
SELECT c.relname,
       coalesce(sum(CASE WHEN p.reltuples < 0 THEN pg_relation_size(p.oid) / 100 ELSE p.reltuples END), 0)::bigint,
       pg_size_pretty(coalesce(sum(pg_total_relation_size(p.oid)), 0))
FROM pg_catalog.pg_class c
CROSS JOIN LATERAL (SELECT c.oid UNION SELECT relid FROM pg_partition_tree(c.oid)) AS part
LEFT JOIN pg_catalog.pg_class p ON p.oid = part.oid AND p.relkind <> 'p'
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p', 'm')
GROUP BY c.oid, c.relname
"""
INDEXES = """
SELECT i.relname, t.relname FROM pg_catalog.pg_index x
JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
WHERE t.relnamespace = to_regnamespace(%s)
"""
REFERENCES = """
SELECT t.relname, c.conname, o.relname, array(
    SELECT a.attname::text FROM pg_catalog.pg_attribute a WHERE a.attrelid = t.oid AND a.attnum = ANY (c.conkey))
FROM pg_catalog.pg_constraint c
JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
JOIN pg_catalog.pg_class o ON o.oid = c.confrelid
WHERE c.contype = 'f' AND t.relnamespace = to_regnamespace(%s)
"""
# Those of extensions are as well-known as PostgreSQL's own.
FUNCTIONS = """
SELECT proname, bool_or(provolatile = 'v'), bool_or(EXISTS (
    SELECT FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind = 'i'
    WHERE d.refobjid = p.oid AND (d.classid = 'pg_constraint'::regclass OR c.oid IS NOT NULL)))
FROM pg_catalog.pg_proc p
WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
GROUP BY proname
"""
FULL_DEFAULTS = """
SELECT c.relname FROM pg_catalog.pg_partitioned_table p
JOIN pg_catalog.pg_class c ON c.oid = p.partrelid
WHERE c.relnamespace = to_regnamespace(%s)
  AND EXISTS (SELECT FROM pg_partition_tree(p.partdefid) AS t WHERE pg_relation_size(t.relid) > 0)
"""


@dataclass(frozen=True)
class PlannedMigration:
    """A migration, what it would send, and the findings in that."""

    preview: Preview
    findings: Sequence[Finding]
    sizes: Mapping[str, tuple[int, str]]
    """The approximate number of rows of each table, and its bytes as text (`412 MB`)."""
    context: Context
    """What is known before it."""
    locks: lock_modes.Catalog
    progress: Sequence[history.StepProgress] = ()
    """The steps that an earlier run has started."""

    @property
    def dangers(self) -> list[Finding]:
        """The findings that are not declared safe, and so stop a run."""
        return [finding for finding in self.findings if finding.reason is None]


def plan(
    name: str, migrations: Sequence[Migration], wanted: Sequence[Migration], live: Connection | None = None
) -> list[PlannedMigration]:
    """Return the plan for the `wanted` migrations of a logical database."""
    sizes = table_sizes(live, name) if live else {}
    locks = lock_catalog(live, name) if live else lock_modes.Catalog()
    context = Context(
        name,
        rows={table: rows for table, (rows, _) in sizes.items()},
        # Without a database, the files so far say what there is.
        schema=catalog.read(live, name) if live else {},
        functions={found: Function(*about) for found, *about in live.execute_sql(FUNCTIONS).fetchall()} if live else {},
        full_defaults=frozenset(table for (table,) in live.execute_sql(FULL_DEFAULTS, (name,)))
        if live
        else frozenset(),
    )
    previewed = wanted if live or not wanted else migrations[: migrations.index(wanted[-1]) + 1]
    previews = preview(name, migrations, previewed, live)
    parsed = [_parsed(item) for item in previews]
    effects = iter(trial.observe(live, name, [node for nodes in parsed for node in nodes]) if live else ())
    planned = []
    for item, nodes in zip(previews, parsed, strict=True):
        if item.migration in wanted:
            steps = history.begun_steps(live, name, item.migration.name) if live else {}
            findings = lint(item, context, list(islice(effects, len(nodes))))
            planned.append(PlannedMigration(item, findings, sizes, context, locks, list(steps.values())))
        context = replace(context, schema=reduce(known_schema.after, nodes, context.schema))
    return planned


def _parsed(item: Preview) -> list[Node]:
    return [node for nodes in syntax.parse_all([statement.text for statement in item.statements]) for node in nodes]


def table_sizes(live: peewee.PostgresqlDatabase, name: str) -> dict[str, tuple[int, str]]:
    """Return the approximate number of rows of each table, and its bytes as text."""
    return {table: (rows, size) for table, rows, size in live.execute_sql(SIZES, (name,)).fetchall()}


def lock_catalog(live: peewee.PostgresqlDatabase, name: str) -> lock_modes.Catalog:
    """Return the table of each index, and the foreign keys."""
    keys = live.execute_sql(REFERENCES, (name,)).fetchall()
    return lock_modes.Catalog(
        dict(live.execute_sql(INDEXES, (name,)).fetchall()),
        [lock_modes.Reference(table, key, columns, other) for table, key, other, columns in keys],
    )


def plan_pending(settings: Settings, name: str, folder: Path | None = None) -> list[PlannedMigration]:
    """Return the plan for the pending migrations of a logical database, without changing it."""
    migrations = files.read(name, folder)
    with connected(settings, name, lambda _: None) as connection:
        applied = history.applied(connection, name)
        files.refuse_duplicate_numbers(migrations, applied)
        return plan(name, migrations, files.pending(migrations, applied), connection)


class LintGuard:
    """Refuses migrations with findings that they do not declare safe, also in statements that only a run reveals."""

    def __init__(self) -> None:
        self._checked: dict[Path, list[Statement]] = defaultdict(list)
        self._contexts: dict[Path, Context] = {}

    def check_migrations(
        self, connection: Connection, migrations: Sequence[Migration], wanted: Sequence[Migration]
    ) -> None:
        """Raise `MigrationError` if one of the `wanted` must not run."""
        planned = plan(connection.name, migrations, wanted, connection)
        for item in planned:
            for line in item.preview.unpreviewed:
                where = f"{connection.name}: {item.preview.migration.name}"
                connection.report(f"{where}: {line}; its statements are checked as it sends them")
        refuse_dangers(planned)
        for item in planned:
            self._checked[item.preview.migration.path] += item.preview.statements
            self._contexts[item.preview.migration.path] = item.context

    def check_statement(self, migration: Migration, sql: str, parameters: Any) -> None:
        """Raise `MigrationError` if the migration must not send this statement."""
        checked = self._checked[migration.path]
        if SAVEPOINTS.match(sql) or any(_shape(sql) == _shape(other.sql) for other in checked):
            return
        statement = Statement(sql, parameters)
        # The earlier statements tell which tables are new and which are locked.
        together = Preview(migration, [*checked, statement], rollback=[statement])
        found = lint(together, self._contexts[migration.path])
        if dangers := [danger for danger in found if not danger.reason and danger.statement == statement.text]:
            raise MigrationError(
                f"refused to send {statement.text[:200]!r}, which is dangerous: "
                + "; ".join(f"{danger.rule}: {danger.message}" for danger in dangers)
            )
        checked.append(statement)


def _shape(sql: str) -> str:
    """Return a write without its values, so that code which writes row by row is checked once."""
    return VALUE.sub("?", sql) if WRITE.match(sql) else sql


def refuse_dangers(planned: Sequence[PlannedMigration]) -> None:
    """Raise `MigrationError` with every finding that its migration does not declare safe."""
    lines = [line for item in planned for line in describe_dangers(item)]
    if lines:
        rules = sorted({danger.rule for item in planned for danger in item.dangers})
        safe = ", ".join(f'"{rule}": "…"' for rule in rules)
        lines.append(f"Nothing was run. Change the migration, or declare in it why this is safe: safe = {{{safe}}}")
        raise MigrationError("\n".join(["dangerous migrations", *lines]))


def drops_in_use(planned: Sequence[PlannedMigration], models: Sequence[Any]) -> list[str]:
    """Return in sentences which tables and columns of the models the planned migrations drop."""
    texts = [statement.text for item in planned for statement in item.preview.statements]
    dropped = -rollbacks.effects([node for nodes in syntax.parse_all(texts) for node in nodes]).net
    found = []
    for model in models:
        table = model._meta.table_name
        used = [rollbacks.SchemaObject("table", None, table)]
        used += [rollbacks.SchemaObject("column", table, column) for column in model._meta.columns]
        found += [f"the {item} is dropped, but {model.__name__} still uses it" for item in used if item in dropped]
    return found


def describe_dangers(item: PlannedMigration) -> Iterator[str]:
    """Yield a line for each finding not declared safe, with its migration and rule."""
    for danger in item.dangers:
        where = f" ({' '.join(danger.statement.split())[:150]})" if danger.statement else ""
        yield f"  {item.preview.migration.name}: {danger.rule}: {danger.message}{where}"


def describe(item: PlannedMigration) -> Iterator[str]:
    """Yield the lines of the plan for one migration."""
    migration = item.preview.migration
    yield f"{migration.name} ({'one transaction' if migration.atomic else 'step by step'})"
    yield from (f"  started by an earlier run: {step}" for step in item.progress)
    texts = [statement.text for statement in item.preview.statements]
    parsed = syntax.parse_all(texts)
    known = contexts(item.context, parsed, atomic=migration.atomic)
    for text, nodes, before in zip(texts, parsed, known, strict=True):
        yield f"  {' '.join(text.split())}"
        met = zip(nodes, before, strict=False)
        locks = [(lock, context) for node, context in met for lock in lock_modes.locks_of(node, item.locks)]
        found = [lock for lock, context in locks if lock.table not in context.new]
        for lock in found:
            size = item.sizes.get(lock.table.name)
            about = f" (about {size[0]:,} rows, {size[1]})" if size else ""
            yield f"    {lock}{about}: {lock_modes.EFFECTS[lock.mode]}"
        if not found:
            yield "    no lock on a table in use"
    yield from (f"  {line}" for line in item.preview.unpreviewed)
    for finding in item.findings:
        verdict = f"declared safe: {finding.reason}" if finding.reason else f"DANGER: {finding.message}"
        yield f"  {finding.rule}: {verdict}"
