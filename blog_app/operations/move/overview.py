"""The status of each logical database for people: address, size and state of its move; and the dry run of a move."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blog_app.config import Settings
from blog_app.data.databases import DATABASE_ERRORS, first_line
from blog_app.operations.migrate import MigrationError, move_check
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.move import checks, state
from blog_app.operations.move.fence import MATERIALIZED
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.state import LEFT, RECEIVING, SERVING, SIDES, Record, redacted

SIZE = """
SELECT coalesce(pg_size_pretty(sum(pg_total_relation_size(oid))), '0 bytes'),
       coalesce(sum(greatest(reltuples::bigint, pg_stat_get_live_tuples(oid))), 0), count(*)
FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'm')
"""
RETAINED_LOG = """
SELECT pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)), wal_status
FROM pg_replication_slots WHERE slot_name = %s
"""
STANDINGS = {
    (SERVING, None): "a move to {target} has started: run the move again, or --abort",
    (SERVING, RECEIVING): "moving to {target}; writes go to {source}: run the move again, or --abort",
    (LEFT, RECEIVING): "switched to {target}, which does not take writes yet: run the move again",
    (LEFT, SERVING): "moved to {target}: --confirm, or --back",
    (None, SERVING): "moved to {target}, and partly confirmed: --confirm again",
    (RECEIVING, SERVING): "moving back to {source}; writes go to {target}: --back again, or --abort to stay",
    (RECEIVING, LEFT): "switched back to {source}, which does not take writes yet: --back again",
    (SERVING, LEFT): "back at {source}: --back again removes the rest of the move",
}
SWITCHING = (
    "switching between {source} and {target}, or interrupted there: writes are refused on both servers until you run "
    "the same command again, or --abort"
)


@dataclass
class Overview:
    """The status of one logical database."""

    address: str
    lines: list[str] = field(default_factory=list)
    unreachable: bool = False


def describe(settings: Settings, name: str, *, sizes: bool) -> Overview:
    """Return the status of a logical database."""
    found = Overview(redacted(settings.databases[name].direct_url))
    replicas = settings.databases[name].replica_direct_urls
    if replicas:
        found.lines.append(f"replicas: {', '.join(map(redacted, replicas))}")
    try:
        with connected(settings, name, lambda _: None) as connection:
            version = connection.server_version // 10_000
            found.address += f"  PostgreSQL {version}{f', {_size(connection, name)}' if sizes else ''}"
            if record := state.read(connection):
                found.lines += _move(settings, name, record)
            else:
                move_check.refuse_if_elsewhere(connection, name)
    except MigrationError as error:
        found.lines.append(str(error))
    except DATABASE_ERRORS as error:
        found.address += "  unreachable"
        found.lines.append(first_line(error))
        found.unreachable = True
    return found


def dry_run(mover: Mover) -> Iterator[str]:
    """Yield what a move would do; raise `MoveError` with every reason against it."""
    source, target, name = mover.source, mover.target, mover.name
    if source.record or target.record:
        yield f"{name} is being moved already: see flask databases"
        return
    checks.require_movable(source, target, mover.addresses, offline=mover.record.offline)
    if mover.redirection:
        mover.redirection.check(mover.addresses.target)
    versions = [database.connection.server_version // 10_000 for database in (source, target)]
    yield f"{name} can be moved."
    yield f"  from  {redacted(mover.addresses.source)}, PostgreSQL {versions[0]}, {_size(source.connection, name)}"
    yield f"  to    {redacted(mover.addresses.target)}, PostgreSQL {versions[1]}"
    if keyless := mover.record.full_identity:
        yield f"  without a primary key, so their changes cost more until the move is confirmed: {', '.join(keyless)}"
    if views := source.relations(MATERIALIZED):
        yield f"  materialized views, refreshed under load and again in the freeze: {', '.join(views)}"
    if mover.record.offline:
        yield "  writes are refused (503) while all rows are copied and compared; reads go on"
    else:
        yield "  rows are copied and compared under load; then writes are refused (503) for a few seconds; reads go on"
    if mover.settings.databases[name].replica_urls:
        yield f"  {name.upper()}_REPLICA_URLS names replicas of the source: they end with the move"
    if mover.redirection is None:
        yield "  the processes need the new address: --pgbouncer FOLDER or --then COMMAND, or at a terminal it asks you"


def _size(connection: Connection, name: str) -> str:
    size, rows, tables = connection.execute_sql(SIZE, (name,)).fetchone()
    return f"{size}, {tables} tables, about {int(rows):,} rows" if tables else "no tables here"


def _move(settings: Settings, name: str, record: Record) -> list[str]:
    """Return the state of the move, as recorded on both servers."""
    standings: list[str | None] = []
    lines, switching = [], False
    for side in SIDES:
        try:
            with connected(settings, name, lambda _: None, record.addresses.of_side(side)) as connection:
                other = state.read(connection)
                standings.append(other.standing if other else None)
                switching |= bool(other and other.rerouting)
                slot = f"move_{name}_{record.move}_{side}"
                for size, status in connection.execute_sql(RETAINED_LOG, (slot,)).fetchall():
                    lines.append(f"{redacted(connection.url)} keeps {size} of log for it ({status})")
        except DATABASE_ERRORS as error:
            return [f"is moving, and {redacted(record.addresses.of_side(side))} is unreachable: {first_line(error)}"]
    source, target = redacted(record.addresses.source), redacted(record.addresses.target)
    unknown = "in an unknown state: ({}, {})".format(*standings)
    text = SWITCHING if switching else STANDINGS.get((standings[0], standings[1]), unknown)
    return [f"{text.format(source=source, target=target)} (since {record.begun_at:%Y-%m-%d %H:%M} UTC)", *lines]
