"""The plan: what `up` would send, which locks that takes on how big tables, and what the lint says."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import peewee

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, files, history
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.migrate.dry_run import Statement
from blog_app.operations.migrate.files import Migration
from blog_app.operations.migrate.lint import (
    Finding,
    created,
    lint,
    lock_modes,
    rollbacks,
    row_rules,
    syntax,
    unanswered,
)
from blog_app.operations.migrate.preview import Preview, preview
from blog_app.operations.migrate.runner import Runner

SAVEPOINTS = re.compile(r'(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT) "?\w+"?;?')  # Of Peewee's `atomic`.
CHANGE = re.compile(r"\s*(UPDATE|DELETE)\b", re.I)
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


@dataclass(frozen=True)
class Size:
    rows: int
    bytes: str
    """As a person writes it: `412 MB`."""


@dataclass(frozen=True)
class Planned:
    """A migration, what it would do, and the dangers in that."""

    preview: Preview
    findings: Sequence[Finding]
    sizes: Mapping[str, Size]
    catalog: lock_modes.Catalog
    begun: Sequence[history.Step] = ()
    """What an earlier run has done of it."""

    @property
    def dangers(self) -> list[Finding]:
        return unanswered(self.findings)


def plan(
    name: str,
    migrations: Sequence[Migration],
    wanted: Sequence[Migration],
    live: peewee.PostgresqlDatabase | None = None,
) -> list[Planned]:
    """Return the plan for the `wanted` migrations of a logical database."""
    sizes = sizes_of(live, name) if live else {}
    catalog = catalog_of(live, name) if live else lock_modes.Catalog()
    found = preview(name, migrations, wanted, live)
    return [Planned(item, lint(name, item, rows_of(sizes)), sizes, catalog) for item in found]


def sizes_of(live: peewee.PostgresqlDatabase, name: str) -> dict[str, Size]:
    """Return how big each table of a logical database is."""
    return {table: Size(rows, size) for table, rows, size in live.execute_sql(SIZES, (name,)).fetchall()}


def catalog_of(live: peewee.PostgresqlDatabase, name: str) -> lock_modes.Catalog:
    """Return whose the indexes are, and where the foreign keys lead."""
    keys = live.execute_sql(REFERENCES, (name,)).fetchall()
    return lock_modes.Catalog(
        dict(live.execute_sql(INDEXES, (name,)).fetchall()),
        [lock_modes.Reference(table, key, columns, other) for table, key, other, columns in keys],
    )


def rows_of(sizes: Mapping[str, Size]) -> dict[str, int]:
    return {table: size.rows for table, size in sizes.items()}


def of_pending(settings: Settings, name: str, folder: Path | None = None) -> list[Planned]:
    """Return the plan for what is pending in a logical database; nothing is changed there."""
    migrations = files.read(name, folder)
    with connected(settings, name, lambda _: None) as connection:
        applied = history.applied(connection, name)
        files.refuse_shared_numbers(migrations, applied)
        found = plan(name, migrations, [item for item in migrations if item.name not in applied], connection)
        begun = [tuple(history.steps(connection, name, item.preview.migration.name).values()) for item in found]
        return [replace(item, begun=steps) for item, steps in zip(found, begun, strict=True)]


def next_pending(runner: Runner, *, backfills: bool) -> list[str]:
    """Return which migrations come next that all are backfills, or that all are none."""
    previews = preview(runner.name, runner.migrations, runner.pending, runner.connection)
    return [found.migration.name for found in takewhile(lambda found: found.has_backfill == backfills, previews)]


class LintGuard:
    """Refuses migrations with dangers that they do not answer, also in statements that only running them shows."""

    def __init__(self) -> None:
        self._checked: dict[Path, list[Statement]] = defaultdict(list)
        self._rows: dict[str, int] = {}
        self._changes: Counter[tuple[Path, str]] = Counter()

    def before(self, connection: Connection, migrations: Sequence[Migration], wanted: Sequence[Migration]) -> None:
        planned = plan(connection.name, migrations, wanted, connection)
        for item in planned:
            for line in item.preview.unseen:
                where = f"{connection.name}: {item.preview.migration.name}"
                connection.say(f"{where}: {line}; its statements are checked as it sends them")
        refuse_dangers(planned)
        self._rows = rows_of(sizes_of(connection, connection.name))
        for item in planned:
            self._checked[item.preview.migration.path] += item.preview.statements

    def statement(self, migration: Migration, sql: str, parameters: Any) -> None:
        checked = self._checked[migration.path]
        self._count(migration, sql)
        if SAVEPOINTS.match(sql) or any(sql == other.sql for other in checked):
            return
        statement = Statement(sql, parameters)
        # Those before tell which tables are new and which are locked.
        together = Preview(migration, [*checked, statement], back=[statement])
        found = lint(migration.path.parent.name, together, self._rows)
        if dangers := [danger for danger in unanswered(found) if danger.statement == statement.text]:
            raise MigrationError(
                f"it is about to send {statement.text[:200]!r}, which is dangerous: "
                + "; ".join(f"{danger.rule}: {danger.message}" for danger in dangers)
            )
        checked.append(statement)

    def _count(self, migration: Migration, sql: str) -> None:
        """Raise `MigrationError` when Python changes, one by one, more rows than a statement should."""
        if CHANGE.match(sql) and "many-rows" not in migration.safe:
            self._changes[migration.path, sql] += 1
            if self._changes[migration.path, sql] > row_rules.BIG:
                raise MigrationError(
                    f"many-rows: it sends {sql[:200]!r} for the {row_rules.BIG + 1:,}th time in one transaction, and "
                    "everybody waits for the rows that it has changed: use migrator.backfill"
                )


def refuse_dangers(planned: Sequence[Planned]) -> None:
    """Raise `MigrationError` with every danger that its migration does not answer."""
    lines = [line for item in planned for line in describe_dangers(item)]
    if lines:
        rules = sorted({danger.rule for item in planned for danger in item.dangers})
        answer = ", ".join(f'"{rule}": "…"' for rule in rules)
        lines.append(f"Nothing was run. Change the migration, or say in it why this is safe here: safe = {{{answer}}}")
        raise MigrationError("\n".join(["dangerous migrations", *lines]))


def drops_in_use(planned: Sequence[Planned], models: Sequence[Any]) -> list[str]:
    """Return in sentences which tables and columns of the models are gone when all that is planned has run."""
    texts = [statement.text for item in planned for statement in item.preview.statements]
    gone = set(rollbacks.effects([node for nodes in syntax.parse_all(texts) for node in nodes]).gone())
    found = []
    for model in models:
        table = model._meta.table_name
        used = [rollbacks.Thing("table", None, table)]
        used += [rollbacks.Thing("column", table, column) for column in model._meta.columns]
        found += [f"the {thing} is dropped, and {model.__name__} still uses it" for thing in used if thing in gone]
    return found


def describe_dangers(item: Planned) -> Iterator[str]:
    """Yield a line for each danger, naming migration and rule."""
    for danger in item.dangers:
        where = f" ({' '.join(danger.statement.split())[:150]})" if danger.statement else ""
        yield f"  {item.preview.migration.name}: {danger.rule}: {danger.message}{where}"


def describe(item: Planned) -> Iterator[str]:
    """Yield the lines of the plan for one migration."""
    migration = item.preview.migration
    yield f"{migration.name} ({'one transaction' if migration.atomic else 'step by step'})"
    yield from (f"  an earlier run has begun: {step}" for step in item.begun)
    texts = [statement.text for statement in item.preview.statements]
    parsed = syntax.parse_all(texts)
    new = {name for nodes in parsed for name in created(nodes, item.preview.types)}
    for text, nodes in zip(texts, parsed, strict=True):
        yield f"  {' '.join(text.split())}"
        found = [lock for node in nodes for lock in lock_modes.taken(node, item.catalog) if lock.table not in new]
        for lock in found:
            yield f"    {lock}{_size(item, lock.table.name)}: {lock_modes.MEANING[lock.mode]}"
        if not found:
            yield "    no lock on a table in use"
    yield from (f"  {line}" for line in item.preview.unseen)
    for finding in item.findings:
        answer = f"safe, it says: {finding.reason}" if finding.reason else f"DANGER: {finding.message}"
        yield f"  {finding.rule}: {answer}"


def _size(item: Planned, table: str) -> str:
    size = item.sizes.get(table)
    return f" (about {size.rows:,} rows, {size.bytes})" if size else ""
