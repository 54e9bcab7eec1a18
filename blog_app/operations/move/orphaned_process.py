"""The end of a move whose other server is gone for good: the place that serves stays, and forgets the other."""

from __future__ import annotations

from dataclasses import dataclass

from blog_app.config import Settings
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, state
from blog_app.operations.move.places import Place
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.rerouting import Rerouting
from blog_app.operations.move.state import SERVING, SIDES, Record, shown


@dataclass
class Survivor:
    """One place of a move, locked for this run."""

    settings: Settings
    place: Place
    record: Record
    say: Say
    rerouting: Rerouting | None

    def stay(self) -> None:
        """End the move here. Nobody else can serve: at most one place does, and its word says that it is this one."""
        name, place = self.place.name, self.place
        here = self.record.addresses.of(self.record.side)
        if self.record.standing != SERVING:
            raise MoveError(
                f"writes of {name} do not go to {shown(here)}, so what was written last is at the other place: bring "
                "that server back, or restore a backup"
            )
        if self.record.rerouting:
            if self.rerouting is None:
                raise MoveError("processes may have been led away: say how to lead them back (--pgbouncer or --then)")
            self.rerouting.lead(self.settings, name, here)
        place.thaw()
        for side in SIDES:
            channel = Channel(Place(place.connection, side), place, self.record.move, here)
            channel.close()
        place.tear_down_fence()
        place.restore_identity(self.record.full_identity)
        state.forget(place.connection)
        self.say(f"{name} stays at {shown(here)}, and nothing here remembers the other place")
