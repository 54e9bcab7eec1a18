"""Opening a move: its record, and connections to both servers, locked. Ending one whose other server is lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex

from blog_app.config import Settings
from blog_app.operations.migrate import move_check
from blog_app.operations.migrate.connection import advisory_lock, connected
from blog_app.operations.migrate.database import Reporter
from blog_app.operations.move import MoveError, checks, state
from blog_app.operations.move.fence import FencedDatabase
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.redirection import Redirection
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.state import SERVING, SIDES, SOURCE, TARGET, Addresses, Record, redacted

FREEZE_SECONDS, OFFLINE_SECONDS = 10.0, 4 * 3600.0
"""How long writes may be refused at most: the defaults of --freeze-limit."""


@contextmanager
def open_move(
    settings: Settings,
    name: str,
    report: Reporter,
    *,
    to: str | None = None,
    source_inside: str | None = None,
    target_inside: str | None = None,
    offline: bool = False,
    redirection: Redirection | None = None,
    freeze_limit: float | None = None,
) -> Iterator[Mover]:
    """Yield the mover of a move that is under way, or of a new one that leads to `to`; both servers are locked."""
    with connected(settings, name, lambda _: None) as connection:
        record = state.read(connection)
        if record is None and not FencedDatabase(connection, SOURCE).exists(name):
            move_check.refuse_if_elsewhere(connection, name)
    if record:
        addresses = record.addresses
        if to not in (None, addresses.target):
            raise MoveError(
                f"{name} is being moved to {redacted(addresses.target)} already: "
                "finish that move, or roll it back (--abort)"
            )
    elif to:
        here = settings.databases[name].direct_url
        addresses = Addresses(here, to, source_inside or here, target_inside or to)
    else:
        raise MoveError(f"{name} is not being moved: name the target (--to URL)")
    with (
        connected(settings, name, report, addresses.source) as old,
        connected(settings, name, report, addresses.target) as new,
    ):
        checks.require_different(name, old, new)
        with advisory_lock(old, name), advisory_lock(new, name):
            source, target = FencedDatabase(old, SOURCE), FencedDatabase(new, TARGET)
            for database in (source, target):
                database.start_session()
            record = source.record or target.record
            if record and offline and not record.offline:
                raise MoveError(
                    f"the move of {name} was started without --offline: finish it without, or roll it back (--abort)"
                )
            if record is None:
                full_identity = checks.tables_without_key(source)
                now = datetime.now(UTC)
                record = Record(token_hex(4), SOURCE, SERVING, False, offline, addresses, full_identity, now)
            limit = freeze_limit or (OFFLINE_SECONDS if record.offline else FREEZE_SECONDS)
            yield Mover(settings, source, target, record, report, redirection, limit, has_new_target=to is not None)


def end_without_other_server(settings: Settings, name: str, report: Reporter, redirection: Redirection | None) -> None:
    """End the move at the configured server; raise `MoveError` if this is not the server that takes writes."""
    with connected(settings, name, report) as connection, advisory_lock(connection, name):
        record = state.read(connection)
        if record is None:
            raise MoveError(f"{name} does not move from or to {redacted(connection.url)}")
        here = record.addresses.of_side(record.side)
        if record.standing != SERVING:
            raise MoveError(
                f"writes of {name} do not go to {redacted(here)}, so the last writes are on the other server: "
                "bring it back, or restore a backup"
            )
        if record.rerouting:
            if redirection is None:
                raise MoveError("processes may have been redirected: use --pgbouncer or --then to redirect them back")
            redirection.redirect(here)
        database = FencedDatabase(connection, record.side)
        database.accept_writes()
        for side in SIDES:
            Channel(FencedDatabase(connection, side), database, record.move, here).drop()
        database.drop_fence()
        database.restore_replica_identity(record.full_identity)
        state.delete(connection)
        report(f"{name} stays at {redacted(here)}, and the record of the move is deleted here")
