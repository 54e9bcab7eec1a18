"""Finding out what is to be moved from where to where, and having both places to oneself meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from secrets import token_hex

from blog_app.config import Settings
from blog_app.operations.migrate import move_check
from blog_app.operations.migrate.connection import Connection, advisory_lock, connected
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, checks, state, structure
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.orphaned_process import Survivor
from blog_app.operations.move.places import Place
from blog_app.operations.move.rerouting import Rerouting
from blog_app.operations.move.state import SERVING, SOURCE, TARGET, Addresses, Record, shown

FREEZE_SECONDS, OFFLINE_SECONDS = 10.0, 4 * 3600.0
"""How long writes may be refused at most, if nobody says otherwise."""


def recorded(settings: Settings, name: str) -> Record | None:
    """Return what the place to which the environment leads says of a move; raise `MoveError` if it was moved away."""
    with connected(settings, name, lambda _: None) as connection:
        record = state.read(connection)
        if record is None and not Place(connection, SOURCE).exists(name):
            move_check.refuse_if_elsewhere(connection, name)
        return record


def addresses_of(
    settings: Settings, name: str, record: Record | None, to: str | None, inside: tuple[str | None, str | None]
) -> Addresses:
    """Return the addresses of the move that is under way, or of the one that is to begin."""
    if record is None:
        if to is None:
            raise MoveError(f"{name} is not being moved: say where to (--to URL)")
        here = settings.databases[name].direct_url
        return Addresses(here, to, inside[0] or here, inside[1] or to)
    if to is not None and to != record.addresses.target:
        raise MoveError(
            f"{name} is being moved to {shown(record.addresses.target)} already: finish that, or take it back (--abort)"
        )
    return record.addresses


@contextmanager
def opened(
    settings: Settings,
    name: str,
    say: Say,
    *,
    to: str | None = None,
    inside: tuple[str | None, str | None] = (None, None),
    offline: bool = False,
    rerouting: Rerouting | None = None,
    freeze_limit: float | None = None,
) -> Iterator[Mover]:
    """Yield the mover of a move that is under way, or of a new one that leads to `to`; its places are locked."""
    record = recorded(settings, name)
    addresses = addresses_of(settings, name, record, to, inside)
    with (
        connected(settings, name, say, addresses.source) as old,
        connected(settings, name, say, addresses.target) as new,
        _locked(name, old, new),
    ):
        source, target = Place(old, SOURCE), Place(new, TARGET)
        for place in (source, target):
            place.name_session(f"blog_app move {name}")
            place.end_orphans(structure.application(name))
        record = source.record or target.record
        if record and offline and not record.offline:
            raise MoveError(f"the move of {name} was begun without --offline: finish it so, or take it back (--abort)")
        if record is None:
            identity = checks.full_identity(source)
            begun = datetime.now(UTC)
            record = Record(token_hex(4), SOURCE, SERVING, False, offline, addresses, identity, begun)
        limit = freeze_limit or (OFFLINE_SECONDS if record.offline else FREEZE_SECONDS)
        yield Mover(settings, source, target, record, say, rerouting, limit, fresh=to is not None)


@contextmanager
def _locked(name: str, old: Connection, new: Connection) -> Iterator[None]:
    checks.require_elsewhere(name, old, new)
    with advisory_lock(old, name), advisory_lock(new, name):
        yield


@contextmanager
def alone(settings: Settings, name: str, say: Say, rerouting: Rerouting | None) -> Iterator[Survivor]:
    """Yield the place to which the environment leads, of a move whose other place is gone for good."""
    with connected(settings, name, say) as connection, advisory_lock(connection, name):
        record = state.read(connection)
        if record is None:
            raise MoveError(f"nothing of {name} moves from or to {shown(connection.url)}")
        yield Survivor(settings, Place(connection, record.side), record, say, rerouting)
