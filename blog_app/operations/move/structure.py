"""The schema copy: everything besides rows, by pg_dump and pg_restore; values of sequences by statements.

Tables, views, functions, triggers, constraints and privileges come first, in one transaction: all of them, or none.
Plain indexes are built after the rows are copied, which is several times faster.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blog_app.data.watermarks import epochs
from blog_app.operations.deploy import programs
from blog_app.operations.migrate.schema import catalog, comparison
from blog_app.operations.move import MoveError
from blog_app.operations.move.endpoint import FENCE, FOREVER, MATERIALIZED, SEQUENCES, Endpoint, copy_session

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


def copy_schema(source: Endpoint, target: Endpoint) -> None:
    """Copy everything but rows and plain indexes to a target without that schema, and fence it, in one transaction."""
    later = _plain_indexes(source)
    with _dumped_schema(source) as dump:
        script, fence = dump.with_suffix(".sql"), dump.with_suffix(".fence")
        wanted = [line for line in _entries(dump, target) if _index_of(line) not in later]
        _restore(dump, target, wanted, f"--file={script}", url=None)
        fence.write_text(target.fence_sql(FOREVER, source.fenced_tables()))
        _run("psql", target, target.connection.url, *SCRIPT, f"--file={script}", f"--file={fence}")


def copy_schema_and_rows(publisher: Endpoint, subscriber: Endpoint) -> None:
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


def build_indexes(source: Endpoint, target: Endpoint) -> int:
    """Build the plain indexes that are missing at the target; return how many those are."""
    missing = _plain_indexes(source) - _plain_indexes(target)
    if missing:
        with _dumped_schema(source) as dump:
            wanted = [line for line in _entries(dump, target) if _index_of(line) in missing]
            _restore(dump, target, wanted, f"--jobs={INDEX_JOBS}", url=target.connection.url)
    return len(missing)


def copy_sequences(publisher: Endpoint, subscriber: Endpoint) -> None:
    """Set every sequence of the subscriber to the publisher's value."""
    for sequence in map(publisher.quoted_name, publisher.relations(SEQUENCES)):
        position = publisher.connection.execute_sql(f"SELECT last_value, is_called FROM {sequence}").fetchone()
        subscriber.connection.execute_sql("SELECT setval(%s::regclass, %s, %s)", (sequence, *position))


def refresh_views(endpoint: Endpoint) -> None:
    """Refresh the materialized views, in the order of their creation: one may read another."""
    with endpoint.connection.limits(statement=0, lock=0):
        for view in endpoint.relations(MATERIALIZED):
            endpoint.connection.send(f"REFRESH MATERIALIZED VIEW {endpoint.quoted_name(view)}")


def analyze(endpoint: Endpoint) -> None:
    """Update the statistics of the query planner."""
    with endpoint.connection.limits(statement=0):
        for table in endpoint.copied_tables():
            endpoint.connection.send(f"ANALYZE {endpoint.quoted_name(table)}")


def require_same_schema(publisher: Endpoint, subscriber: Endpoint) -> None:
    """Raise `MoveError` that names what differs between the two schemas."""
    found = [catalog.read(endpoint.connection, endpoint.name) for endpoint in (publisher, subscriber)]
    names = [f"the {endpoint.side}" for endpoint in (publisher, subscriber)]
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


def _plain_indexes(endpoint: Endpoint) -> set[str]:
    return {name for (name,) in endpoint.connection.execute_sql(PLAIN_INDEXES, (endpoint.name,)).fetchall()}


@contextmanager
def _dumped_schema(endpoint: Endpoint) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="blog_app-move-") as folder:
        file = Path(folder) / "dump"
        options = (*DUMP, "--schema-only", f"--schema={endpoint.name}", f"--file={file}")
        _run("pg_dump", endpoint, endpoint.connection.url, *options)
        yield file


def _entries(dump: Path, endpoint: Endpoint) -> list[str]:
    listed = _run("pg_restore", endpoint, None, "--list", str(dump))
    return [line for line in listed.splitlines() if line and not line.startswith(";")]


def _restore(dump: Path, endpoint: Endpoint, entries: list[str], option: str, *, url: str | None) -> None:
    chosen = dump.with_suffix(".list")
    chosen.write_text("\n".join(entries))
    _run("pg_restore", endpoint, url, *RESTORE, option, f"--use-list={chosen}", str(dump))


def _run(program: str, endpoint: Endpoint, url: str | None, *options: str) -> str:
    """Run one of PostgreSQL's programs for a server; return its output."""
    found = programs.find(program, endpoint.connection)
    return programs.run(found, url, options, PGAPPNAME=copy_session(endpoint.name))


def _index_of(entry: str) -> str | None:
    found = INDEX_ENTRY.match(entry)
    return found[1] if found else None
