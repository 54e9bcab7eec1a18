"""Where a logical database is, how big it is, and how its move stands, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from blog_app.config import Settings
from blog_app.data.databases import DATABASE_ERRORS, first_line
from blog_app.operations.migrate import MigrationError, move_check
from blog_app.operations.migrate.connection import Connection, connected
from blog_app.operations.move import checks, state
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.places import MATERIALIZED
from blog_app.operations.move.state import LEFT, RECEIVING, SERVING, SIDES, SOURCE, TARGET, Record, shown

SIZE = """
SELECT coalesce(pg_size_pretty(sum(pg_total_relation_size(oid))), '0 bytes'),
       coalesce(sum(greatest(reltuples::bigint, pg_stat_get_live_tuples(oid))), 0), count(*)
FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%s)) AND relkind IN ('r', 'm')
"""
KEPT = """
SELECT pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn)), wal_status
FROM pg_replication_slots WHERE slot_name = %s
"""
STANDINGS = {
    (SERVING, None): "a move to {target} was begun: run it again, or --abort",
    (SERVING, RECEIVING): "on its way to {target}; writes go to {source}: run the move again, or --abort",
    (LEFT, RECEIVING): "decided for {target}, which does not take writes yet: run the move again",
    (LEFT, SERVING): "moved to {target}: --confirm, or --back",
    (None, SERVING): "moved to {target}, and half confirmed: --confirm again",
    (RECEIVING, SERVING): "on its way back to {source}; writes go to {target}: --back again, or --abort to stay",
    (RECEIVING, LEFT): "decided for the way back to {source}, which does not take writes yet: --back again",
    (SERVING, LEFT): "back at {source}: --back again clears away what is left",
}
SWITCHING = (
    "in the switch between {source} and {target}, or it was broken off there: writes are refused at both places until "
    "the same command is run again, or --abort"
)


@dataclass
class Overview:
    """One logical database."""

    place: str
    lines: list[str] = field(default_factory=list)
    away: bool = False


def of(settings: Settings, name: str, *, sizes: bool) -> Overview:
    """Return what can be said of a logical database."""
    found = Overview(shown(settings.databases[name].direct_url))
    replicas = settings.databases[name].replica_direct_urls
    if replicas:
        found.lines.append(f"replicas: {', '.join(map(shown, replicas))}")
    try:
        with connected(settings, name, lambda _: None) as connection:
            version = connection.server_version // 10_000
            found.place += f"  PostgreSQL {version}{f', {_size(connection, name)}' if sizes else ''}"
            if record := state.read(connection):
                found.lines += _move(settings, name, record)
            else:
                move_check.refuse_if_elsewhere(connection, name)
    except MigrationError as error:
        found.lines.append(str(error))
    except DATABASE_ERRORS as error:
        found.place += "  away"
        found.lines.append(first_line(error))
        found.away = True
    return found


def plan(mover: Mover) -> Iterator[str]:
    """Check whether a move can be made, and say what it would do; raise `MoveError` with every reason against it."""
    source, target, name = mover.source, mover.target, mover.name
    if source.record or target.record:
        yield f"{name} is being moved already: flask databases says how it stands"
        return
    checks.require(source, target, mover.addresses, offline=mover.record.offline)
    if mover.rerouting:
        mover.rerouting.check(mover.settings, name, mover.addresses.target)
    versions = [place.connection.server_version // 10_000 for place in (source, target)]
    yield f"{name} can be moved."
    yield f"  from  {shown(mover.addresses.source)}, PostgreSQL {versions[0]}, {_size(source.connection, name)}"
    yield f"  to    {shown(mover.addresses.target)}, PostgreSQL {versions[1]}"
    if keyless := mover.record.full_identity:
        yield f"  without a key, so their changes cost more until it is confirmed: {', '.join(keyless)}"
    if views := source.relations(MATERIALIZED):
        yield f"  refreshed there, once under load and once in the freeze: {', '.join(views)}"
    if mover.record.offline:
        yield "  writes are refused (503) while all rows are copied and compared; reads go on"
    else:
        yield "  rows are copied and compared under load; then writes are refused (503) for a few seconds; reads go on"
    if mover.settings.databases[name].replica_urls:
        yield f"  {name.upper()}_REPLICA_URLS names replicas of the old server: they end with the move"
    if mover.rerouting is None:
        yield "  the processes must be led there: --pgbouncer FOLDER or --then COMMAND, or at a terminal it asks you"


def _size(connection: Connection, name: str) -> str:
    size, rows, tables = connection.execute_sql(SIZE, (name,)).fetchone()
    if not tables:
        return "no tables here"
    return f"{size}, {tables} tables, about {int(rows):,} rows"


def _move(settings: Settings, name: str, record: Record) -> list[str]:
    """Say how the move stands, asking both places."""
    standings: list[str | None] = []
    lines, switching = [], False
    for side in SIDES:
        try:
            with connected(settings, name, lambda _: None, record.addresses.of(side)) as connection:
                other = state.read(connection)
                standings.append(other.standing if other else None)
                switching |= bool(other and other.rerouting)
                for giver in (SOURCE, TARGET):
                    kept = connection.execute_sql(KEPT, (f"move_{name}_{record.move}_{giver}",)).fetchone()
                    if kept and side == giver:
                        lines.append(f"{shown(record.addresses.of(side))} keeps {kept[0]} of log for it ({kept[1]})")
        except DATABASE_ERRORS as error:
            return [f"is moving, and {shown(record.addresses.of(side))} is away: {first_line(error)}"]
    source, target = shown(record.addresses.source), shown(record.addresses.target)
    unknown = "in a state that no move makes: ({}, {})".format(*standings)
    what = SWITCHING if switching else STANDINGS.get((standings[0], standings[1]), unknown)
    return [f"{what.format(source=source, target=target)} (since {record.begun_at:%Y-%m-%d %H:%M} UTC)", *lines]
