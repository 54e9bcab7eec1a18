"""What a schema is made of besides rows: brought over by pg_dump and pg_restore, values of sequences by hand.

Tables, views, functions, triggers, constraints and privileges come first, in one transaction: they are all there, or
none. Indexes that only make queries fast come when the rows are there, which is several times faster.
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
from blog_app.operations.move.places import FENCE, FOREVER, MATERIALIZED, SEQUENCES, Place

DUMP = ("--format=custom", "--no-owner", "--no-publications", "--no-subscriptions", "--lock-wait-timeout=10000")
RESTORE = ("--no-owner", "--exit-on-error")
SCRIPT = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
INDEX_ENTRY = re.compile(r"^\d+; \d+ \d+ (?:COMMENT \S+ INDEX|INDEX ATTACH \S+|INDEX \S+) (\S+) ")
# Unique ones are constraints in all but name: foreign keys and replication may lean on them.
PLAIN_INDEXES = """
SELECT i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE i.relnamespace = to_regnamespace(quote_ident(%s)) AND NOT x.indisunique AND NOT x.indisreplident
"""
JOBS = 2


def application(name: str) -> str:
    """Return by which name the programs of a move are known to the servers."""
    return f"blog_app move {name} (copy)"


def bring(giving: Place, taking: Place) -> None:
    """Bring everything but rows and plain indexes into a place that has no such schema, and fence it, all at once."""
    later = _plain_indexes(giving)
    with _dumped(giving, "--schema-only") as dump:
        script, fence = dump.with_suffix(".sql"), dump.with_suffix(".fence")
        wanted = [line for line in _entries(dump, taking) if _index_of(line) not in later]
        _restore(dump, taking, wanted, f"--file={script}", url=None)
        fence.write_text(taking.fence(FOREVER, giving.fenced()))
        _run("psql", taking, taking.connection.url, *SCRIPT, f"--file={script}", f"--file={fence}")


def bring_with_rows(giving: Place, taking: Place) -> None:
    """Bring everything, rows too, of a place to which nobody writes; what the other place has is replaced."""
    taking.drop(taking.name)
    dump, restore = (
        programs.find(program, place.connection) for program, place in (("pg_dump", giving), ("pg_restore", taking))
    )
    scope = (f"--schema={giving.name}", f"--exclude-table-data={giving.name}.{epochs.TABLE}")
    programs.pipe(
        (dump, giving.connection.url, [*DUMP, *scope]),
        (restore, taking.connection.url, [*RESTORE, "--single-transaction"]),
        PGAPPNAME=application(taking.name),
    )
    taking.receive()


def bring_indexes(giving: Place, taking: Place) -> int:
    """Build the plain indexes that are missing; return how many there were to build."""
    missing = _plain_indexes(giving) - _plain_indexes(taking)
    if missing:
        with _dumped(giving, "--schema-only") as dump:
            wanted = [line for line in _entries(dump, taking) if _index_of(line) in missing]
            _restore(dump, taking, wanted, f"--jobs={JOBS}", url=taking.connection.url)
    return len(missing)


def bring_sequences(giving: Place, taking: Place) -> None:
    """Let every sequence go on where the other one stands."""
    sequences = [giving.quoted(name) for name in giving.relations(SEQUENCES)]
    if not sequences:
        return
    query = " UNION ALL ".join(f"SELECT last_value, is_called FROM {sequence}" for sequence in sequences)
    stands = giving.connection.execute_sql(query).fetchall()
    calls = ", ".join(["setval(%s::regclass, %s, %s)"] * len(sequences))
    values = [value for sequence, stand in zip(sequences, stands, strict=True) for value in (sequence, *stand)]
    taking.connection.execute_sql(f"SELECT {calls}", values)


def refresh(place: Place) -> None:
    """Compute the materialized views anew, in the order in which they were made: one may read another."""
    with place.connection.limits(statement=0, lock=0):
        for view in place.relations(MATERIALIZED):
            place.connection.send(f"REFRESH MATERIALIZED VIEW {place.quoted(view)}")


def analyze(place: Place) -> None:
    """Gather the statistics that queries are planned by."""
    with place.connection.limits(statement=0):
        for table in place.copied():
            place.connection.send(f"ANALYZE {place.quoted(table)}")


def require_same(giving: Place, taking: Place) -> None:
    """Raise `MoveError` that names what differs between the two schemas."""
    found = [catalog.read(place.connection, place.name) for place in (giving, taking)]
    names = [f"the {place.side}" for place in (giving, taking)]
    for schema in found:
        for table in schema.values():
            table.triggers.pop(FENCE, None)
    differences = comparison.compare(found[0], found[1], *names)
    # The catalog leaves partitions out, which come and go without migrations.
    for here, there, without in ((giving, taking, names[1]), (taking, giving, names[0])):
        differences += [f"partition {name}: absent in {without}" for name in here.partitions() - there.partitions()]
    if differences:
        raise MoveError(
            "one of the two schemas has changed during the move:\n  "
            + "\n  ".join(differences)
            + "\nTake the move back (--abort) and begin anew"
        )


def _plain_indexes(place: Place) -> set[str]:
    return {name for (name,) in place.connection.execute_sql(PLAIN_INDEXES, (place.name,)).fetchall()}


@contextmanager
def _dumped(place: Place, option: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="blog_app-move-") as folder:
        file = Path(folder) / "dump"
        _run("pg_dump", place, place.connection.url, *DUMP, option, f"--schema={place.name}", f"--file={file}")
        yield file


def _entries(dump: Path, place: Place) -> list[str]:
    listed = _run("pg_restore", place, None, "--list", str(dump))
    return [line for line in listed.splitlines() if line and not line.startswith(";")]


def _restore(dump: Path, place: Place, entries: list[str], option: str, *, url: str | None) -> None:
    chosen = dump.with_suffix(".list")
    chosen.write_text("\n".join(entries))
    _run("pg_restore", place, url, *RESTORE, option, f"--use-list={chosen}", str(dump))


def _run(program: str, place: Place, url: str | None, *options: str) -> str:
    """Run one of PostgreSQL's programs for a place; return what it said."""
    found = programs.find(program, place.connection)
    return programs.run(found, url, options, PGAPPNAME=application(place.name))


def _index_of(entry: str) -> str | None:
    found = INDEX_ENTRY.match(entry)
    return found[1] if found else None
