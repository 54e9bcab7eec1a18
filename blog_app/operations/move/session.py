"""Opening a move: find or create its record, connect to source and target, and lock both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex

from blog_app.config import Settings
from blog_app.operations.migrate import move_check
from blog_app.operations.migrate.connection import advisory_lock, connected
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, checks, state
from blog_app.operations.move.endpoint import Endpoint
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.redirection import Redirection
from blog_app.operations.move.state import SERVING, SOURCE, TARGET, Addresses, Record, redacted

FREEZE_SECONDS, OFFLINE_SECONDS = 10.0, 4 * 3600.0
"""How long writes may be refused at most: the defaults of --freeze-limit."""


@contextmanager
def open_move(
    settings: Settings,
    name: str,
    say: Say,
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
        if record is None and not Endpoint(connection, SOURCE).exists(name):
            move_check.refuse_if_elsewhere(connection, name)
    if record:
        addresses = record.addresses
        if to not in (None, addresses.target):
            raise MoveError(
                f"{name} is being moved to {redacted(addresses.target)} already: "
                "finish that move, or take it back (--abort)"
            )
    elif to:
        here = settings.databases[name].direct_url
        addresses = Addresses(here, to, source_inside or here, target_inside or to)
    else:
        raise MoveError(f"{name} is not being moved: name the target (--to URL)")
    with (
        connected(settings, name, say, addresses.source) as old,
        connected(settings, name, say, addresses.target) as new,
    ):
        checks.require_different(name, old, new)
        with advisory_lock(old, name), advisory_lock(new, name):
            source, target = Endpoint(old, SOURCE), Endpoint(new, TARGET)
            for endpoint in (source, target):
                endpoint.start_session()
            record = source.record or target.record
            if record and offline and not record.offline:
                raise MoveError(
                    f"the move of {name} was started without --offline: finish it without, or take it back (--abort)"
                )
            if record is None:
                full_identity = checks.tables_without_key(source)
                now = datetime.now(UTC)
                record = Record(token_hex(4), SOURCE, SERVING, False, offline, addresses, full_identity, now)
            limit = freeze_limit or (OFFLINE_SECONDS if record.offline else FREEZE_SECONDS)
            yield Mover(settings, source, target, record, say, redirection, limit, has_new_target=to is not None)
