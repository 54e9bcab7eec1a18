"""The end of a move whose other server is lost: the server that takes writes keeps them and deletes the record."""

from __future__ import annotations

from blog_app.config import Settings
from blog_app.operations.migrate.connection import advisory_lock, connected
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.endpoint import Endpoint
from blog_app.operations.move.redirection import Redirection
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.state import SERVING, SIDES, redacted


def end_move(settings: Settings, name: str, say: Say, redirection: Redirection | None) -> None:
    """End the move at the configured server; raise `MoveError` if this is not the server that takes writes."""
    with connected(settings, name, say) as connection, advisory_lock(connection, name):
        record = state.read(connection)
        if record is None:
            raise MoveError(f"{name} does not move from or to {redacted(connection.url)}")
        here = record.addresses.of(record.side)
        if record.standing != SERVING:
            raise MoveError(
                f"writes of {name} do not go to {redacted(here)}, so the last writes are on the other server: "
                "bring it back, or restore a backup"
            )
        if record.rerouting:
            if redirection is None:
                raise MoveError("processes may have been redirected: use --pgbouncer or --then to redirect them back")
            redirection.redirect(here)
        endpoint = Endpoint(connection, record.side)
        endpoint.accept_writes()
        for side in SIDES:
            Channel(Endpoint(connection, side), endpoint, record.move, here).drop()
        endpoint.drop_fence()
        endpoint.restore_identity(record.full_identity)
        state.delete(connection)
        say(f"{name} stays at {redacted(here)}, and the record of the move is deleted here")
