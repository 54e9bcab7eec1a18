"""Opening a move: find or create its record, connect to source and target, and lock both."""

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
from blog_app.operations.move.endpoint import Endpoint
from blog_app.operations.move.mover import Mover
from blog_app.operations.move.redirection import Redirection
from blog_app.operations.move.remaining_server import RemainingServer
from blog_app.operations.move.state import SERVING, SOURCE, TARGET, Addresses, Record, redacted

FREEZE_SECONDS, OFFLINE_SECONDS = 10.0, 4 * 3600.0
"""How long writes may be refused at most: the defaults of --freeze-limit."""


def recorded_move(settings: Settings, name: str) -> Record | None:
    """Return the record of a move on the configured server; raise `MigrationError` if the database has moved away."""
    with connected(settings, name, lambda _: None) as connection:
        record = state.read(connection)
        if record is None and not Endpoint(connection, SOURCE).exists(name):
            move_check.refuse_if_elsewhere(connection, name)
        return record


def resolve_addresses(
    settings: Settings, name: str, record: Record | None, to: str | None, inside: tuple[str | None, str | None]
) -> Addresses:
    """Return the addresses of the running move, or of a new one to `to`."""
    if record is None:
        if to is None:
            raise MoveError(f"{name} is not being moved: name the target (--to URL)")
        here = settings.databases[name].direct_url
        return Addresses(here, to, inside[0] or here, inside[1] or to)
    if to is not None and to != record.addresses.target:
        raise MoveError(
            f"{name} is being moved to {redacted(record.addresses.target)} already: "
            "finish that move, or take it back (--abort)"
        )
    return record.addresses


@contextmanager
def open_move(
    settings: Settings,
    name: str,
    say: Say,
    *,
    to: str | None = None,
    inside: tuple[str | None, str | None] = (None, None),
    offline: bool = False,
    redirection: Redirection | None = None,
    freeze_limit: float | None = None,
) -> Iterator[Mover]:
    """Yield the mover of a move that is under way, or of a new one that leads to `to`; both servers are locked."""
    record = recorded_move(settings, name)
    addresses = resolve_addresses(settings, name, record, to, inside)
    with (
        connected(settings, name, say, addresses.source) as old,
        connected(settings, name, say, addresses.target) as new,
        _locked(name, old, new),
    ):
        source, target = Endpoint(old, SOURCE), Endpoint(new, TARGET)
        for endpoint in (source, target):
            endpoint.set_application_name(f"blog_app move {name}")
            endpoint.terminate_leftovers(structure.application(name))
        record = source.record or target.record
        if record and offline and not record.offline:
            raise MoveError(
                f"the move of {name} was started without --offline: finish it without, or take it back (--abort)"
            )
        if record is None:
            identity = checks.tables_without_key(source)
            begun = datetime.now(UTC)
            record = Record(token_hex(4), SOURCE, SERVING, False, offline, addresses, identity, begun)
        limit = freeze_limit or (OFFLINE_SECONDS if record.offline else FREEZE_SECONDS)
        yield Mover(settings, source, target, record, say, redirection, limit, has_new_target=to is not None)


@contextmanager
def _locked(name: str, old: Connection, new: Connection) -> Iterator[None]:
    checks.require_different(name, old, new)
    with advisory_lock(old, name), advisory_lock(new, name):
        yield


@contextmanager
def open_remaining(
    settings: Settings, name: str, say: Say, redirection: Redirection | None
) -> Iterator[RemainingServer]:
    """Yield the configured server of a move whose other server is lost; it is locked."""
    with connected(settings, name, say) as connection, advisory_lock(connection, name):
        record = state.read(connection)
        if record is None:
            raise MoveError(f"{name} does not move from or to {redacted(connection.url)}")
        yield RemainingServer(settings, Endpoint(connection, record.side), record, say, redirection)
