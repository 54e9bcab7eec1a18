"""The schema copy: everything besides rows, by pg_dump and pg_restore; values of sequences by statements.

Tables, views, functions, triggers, constraints and privileges come first, in one transaction: all of them, or none.
Plain indexes are built after the rows are copied, which is several times faster.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blog_app.data.watermarks import epochs
from blog_app.operations.deploy import programs
from blog_app.operations.migrate import catalog
from blog_app.operations.migrate.schema import comparison
from blog_app.operations.move import MoveError
from blog_app.operations.move.fence import FENCE, FOREVER, MATERIALIZED, SEQUENCES, FencedDatabase, copy_session

DUMP = ("--format=custom", "--no-owner", "--no-publications", "--no-subscriptions", "--lock-wait-timeout=10000")
RESTORE = ("--no-owner", "--exit-on-error")
SCRIPT = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
INDEX_ENTRY = re.compile(r"^\d+; \d+ \d+ (?:COMMENT \S+ INDEX|INDEX ATTACH \S+|INDEX \S+) (\S+) ")
# Not the unique ones: foreign keys and replication may depend on them, as on constraints.
PLAIN_INDEXES = """
SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE i.relnamespace = to_regnamespace(quote_ident(%s)) AND NOT x.indisunique AND NOT x.indisreplident
"""
INDEX_JOBS = 2


def copy_schema(source: FencedDatabase, target: FencedDatabase) -> None:
    """Copy everything but rows and plain indexes to a target without that schema, and fence it, in one transaction."""
    later = _plain_indexes(source)
    with _schema_dump(source, target, lambda index: index not in later) as (folder, dump):
        script, fence = folder / "script.sql", folder / "fence.sql"
        _run("pg_restore", target, None, *dump, f"--file={script}")
        fence.write_text(target.fence_sql(FOREVER, source.fenced_tables()))
        _run("psql", target, target.connection.url, *SCRIPT, f"--file={script}", f"--file={fence}")


def copy_schema_and_rows(publisher: FencedDatabase, subscriber: FencedDatabase) -> None:
    """Copy everything, rows too, while writes are refused; what the subscriber has is replaced."""
    subscriber.drop(subscriber.name)
    dump = programs.find("pg_dump", publisher.connection)
    restore = programs.find("pg_restore", subscriber.connection)
    scope = (f"--schema={publisher.name}", f"--exclude-table-data={publisher.name}.{epochs.TABLE}")
    programs.pipe(
        (dump, publisher.connection.url, [*DUMP, *scope]),
        (restore, subscriber.connection.url, [*RESTORE, "--single-transaction"]),
        PGAPPNAME=copy_session(subscriber.name),
    )
    subscriber.receive()


def build_indexes(source: FencedDatabase, target: FencedDatabase) -> int:
    """Build the plain indexes that are missing at the target; return how many those are."""
    missing = _plain_indexes(source) - _plain_indexes(target)
    if missing:
        with _schema_dump(source, target, lambda index: index in missing) as (_, dump):
            _run("pg_restore", target, target.connection.url, *dump, f"--jobs={INDEX_JOBS}")
    return len(missing)


def copy_sequences(publisher: FencedDatabase, subscriber: FencedDatabase) -> None:
    """Set every sequence of the subscriber to the publisher's value."""
    for sequence in map(publisher.quoted_name, publisher.relations(SEQUENCES)):
        values = publisher.connection.execute_sql(f"SELECT last_value, is_called FROM {sequence}").fetchone()
        subscriber.connection.execute_sql("SELECT setval(%s::regclass, %s, %s)", (sequence, *values))


def refresh_views(database: FencedDatabase) -> None:
    """Refresh the materialized views, in the order of their creation: one may read another."""
    with database.connection.limits(statement=0, lock=0):
        for view in database.relations(MATERIALIZED):
            database.connection.send(f"REFRESH MATERIALIZED VIEW {database.quoted_name(view)}")


def analyze(database: FencedDatabase) -> None:
    """Update the statistics of the query planner."""
    with database.connection.limits(statement=0):
        for table in database.copied_tables():
            database.connection.send(f"ANALYZE {database.quoted_name(table)}")


def require_same_schema(publisher: FencedDatabase, subscriber: FencedDatabase) -> None:
    """Raise `MoveError` that names what differs between the two schemas."""
    found = [catalog.read(database.connection, database.name) for database in (publisher, subscriber)]
    names = [f"the {database.side}" for database in (publisher, subscriber)]
    for schema in found:
        for table in schema.values():
            table.triggers.pop(FENCE, None)
    differences = comparison.compare(found[0], found[1], *names)
    # The catalog leaves partitions out, which come and go without migrations.
    for here, there, without in ((publisher, subscriber, names[1]), (subscriber, publisher, names[0])):
        differences += [f"partition {name}: absent in {without}" for name in here.partitions() - there.partitions()]
    if differences:
        raise MoveError(
            "the schemas differ, so one has changed during the move:\n  "
            + "\n  ".join(differences)
            + "\nTake the move back (--abort) and start a new one"
        )


def _plain_indexes(database: FencedDatabase) -> set[str]:
    return {name for (name,) in database.connection.execute_sql(PLAIN_INDEXES, (database.name,)).fetchall()}


@contextmanager
def _schema_dump(
    source: FencedDatabase, target: FencedDatabase, wanted: Callable[[str | None], bool]
) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield a temporary folder, and the arguments by which pg_restore restores the wanted entries of the schema.

    `wanted` gets the index that an entry belongs to, None for others.
    """
    with tempfile.TemporaryDirectory(prefix="blog_app-move-") as name:
        folder = Path(name)
        dump, chosen = folder / "dump", folder / "list"
        options = (*DUMP, "--schema-only", f"--schema={source.name}", f"--file={dump}")
        _run("pg_dump", source, source.connection.url, *options)
        listed = _run("pg_restore", target, None, "--list", str(dump)).splitlines()
        entries = [(line, INDEX_ENTRY.match(line)) for line in listed]
        chosen.write_text("\n".join(line for line, index in entries if wanted(index and index[1])))
        yield folder, (*RESTORE, f"--use-list={chosen}", str(dump))


def _run(program: str, database: FencedDatabase, url: str | None, *options: str) -> str:
    """Run one of PostgreSQL's programs for a server; return its output."""
    found = programs.find(program, database.connection)
    return programs.run(found, url, options, PGAPPNAME=copy_session(database.name))
