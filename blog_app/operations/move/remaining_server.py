"""The end of a move whose other server is lost: the server that takes writes keeps them and deletes the record."""

from __future__ import annotations

from dataclasses import dataclass

from blog_app.config import Settings
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.endpoint import Endpoint
from blog_app.operations.move.redirection import Redirection
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.state import SERVING, SIDES, Record, redacted


@dataclass
class RemainingServer:
    """The server of a move that is still there, locked for this run."""

    settings: Settings
    endpoint: Endpoint
    record: Record
    say: Say
    redirection: Redirection | None

    def end_move(self) -> None:
        """End the move here; raise `MoveError` if this is not the server that takes writes."""
        name, endpoint = self.endpoint.name, self.endpoint
        here = self.record.addresses.of(self.record.side)
        if self.record.standing != SERVING:
            raise MoveError(
                f"writes of {name} do not go to {redacted(here)}, so the last writes are on the other server: "
                "bring it back, or restore a backup"
            )
        if self.record.rerouting:
            if self.redirection is None:
                raise MoveError("processes may have been redirected: use --pgbouncer or --then to redirect them back")
            self.redirection.redirect(self.settings, name, here)
        endpoint.unfreeze()
        for side in SIDES:
            channel = Channel(Endpoint(endpoint.connection, side), endpoint, self.record.move, here)
            channel.drop()
        endpoint.drop_fence()
        endpoint.restore_identity(self.record.full_identity)
        state.delete(endpoint.connection)
        self.say(f"{name} stays at {redacted(here)}, and the record of the move is deleted here")
