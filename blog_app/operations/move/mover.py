"""The steps of a move in their order. Each is made if it has not been made yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, takewhile

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, signals
from blog_app.operations.migrate.database import Say
from blog_app.operations.move import MoveError, checks, state, structure, verification
from blog_app.operations.move.places import Place
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.rerouting import Rerouting, variables
from blog_app.operations.move.state import LEFT, RECEIVING, SERVING, SOURCE, TARGET, Addresses, Record, shown
from blog_app.operations.move.verification import Checked

CHECKED_SECONDS = 1.0
"""Of the freeze, for comparing small tables once more; the leases end meanwhile."""


@dataclass
class Mover:
    """A move between two places, both locked for this run."""

    settings: Settings
    source: Place
    target: Place
    record: Record
    say: Say
    rerouting: Rerouting | None
    freeze_limit: float
    fresh: bool
    """Whether the person has just said where to."""

    def forward(self) -> None:
        """Go to the target; begin, or go on where an earlier run ended."""
        standing = self._standing()
        if standing in ((RECEIVING, SERVING), (RECEIVING, LEFT), (SERVING, LEFT)):
            raise MoveError(f"{self.name} is on its way back: go on with that (--back) or stay where it is (--abort)")
        if standing[1] is None:
            self._begin()
        if self._standing() == (SERVING, RECEIVING):
            self._require_rerouting().check(self.settings, self.name, self.addresses.target)
            checked = [] if self.record.offline else self._bring()
            self._hand_over(self.source, self.target, checked)
        if self._standing() == (LEFT, RECEIVING):
            self.target.open()
        self._clear_way_there()
        self._tell_moved()

    def back(self) -> None:
        """Return to the source, with all that was written at the target."""
        standing = self._standing()
        if standing in ((SERVING, RECEIVING), (LEFT, RECEIVING)):
            raise MoveError(f"{self.name} has not arrived: finish the move (without --back), or take it back (--abort)")
        if standing in ((LEFT, SERVING), (RECEIVING, SERVING)):
            self._require_rerouting().check(self.settings, self.name, self.addresses.source)
            self._clear_way_there()
            self._hand_over(self.target, self.source, self._catch_up_at_source())
        if self._standing() == (RECEIVING, LEFT):
            self.source.open()
        self._end_at_source()
        self.say(f"{self.name} is back at {shown(self.addresses.source)}, with all that was written meanwhile.")
        self._tell_variables(self.addresses.source)

    def abort(self) -> None:
        """Stay where writes go now, and clear away what was begun."""
        standing = self._standing()
        if standing == (RECEIVING, SERVING):
            self._accept_again(self.target)
            self._channel(self.target, self.source).pause()
            if self.record.offline:
                self.source.drop(self.name)
            self.source.leave()
            self.say(f"{self.name} stays at {shown(self.addresses.target)}; --back is still possible")
        elif standing in ((SERVING, RECEIVING), (SERVING, None)):
            self._accept_again(self.source)
            self._channel(self.source, self.target).close()
            if standing[1]:
                self.target.drop(self.name)
            self._end_at_source()
            self.say(f"the move is taken back: {self.name} stays at {shown(self.addresses.source)}")
        else:
            raise MoveError(f"{self.name} has been switched: run the move to its end, then --back or --confirm it")

    def confirm(self) -> None:
        """Give up the way back: drop the old schema and everything else that belongs to the move."""
        if self._standing() not in ((LEFT, SERVING), (None, SERVING)):
            raise MoveError(f"{self.name} has not arrived yet, so there is nothing to confirm (flask databases)")
        self._clear_way_there()
        self._channel(self.target, self.source).close()
        self.target.restore_identity(self.record.full_identity)
        self.source.drop(self.source.hidden)
        state.bury(self.source.connection)
        state.forget(self.target.connection)
        self.say(f"confirmed: {shown(self.addresses.source)} holds nothing of {self.name} any more")

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def addresses(self) -> Addresses:
        return self.record.addresses

    def _begin(self) -> None:
        if not self.fresh:
            raise MoveError(f"nothing of {self.name} is on its way: say where to (--to URL), or clear up (--abort)")
        self._require_rerouting().check(self.settings, self.name, self.addresses.target)
        checks.require(self.source, self.target, self.addresses, offline=self.record.offline)
        state.write(self.source.connection, replace(self.record, side=SOURCE, standing=SERVING))
        state.write(self.target.connection, replace(self.record, side=TARGET, standing=RECEIVING))

    def _bring(self) -> list[Checked]:
        """Bring everything under load, until the target follows; return what was found to be the same."""
        giving, taking = self.source, self.target
        channel, way_back = self._channel(giving, taking), self._channel(taking, giving)
        channel.publish(self.record.full_identity)
        if not taking.exists(self.name):
            self.say(f"{self.name}: bring the schema")
            structure.bring(giving, taking)
        taking.receive()
        channel.reserve()
        channel.subscribe(copy=True)
        self.say(f"{self.name}: copy the rows")
        channel.copy(sum(table.rows for table in verification.tables_of(giving)))
        if built := structure.bring_indexes(giving, taking):
            self.say(f"{self.name}: built {built} indexes")
        structure.analyze(taking)
        way_back.publish(())
        way_back.reserve()
        return self._follow(channel)

    def _catch_up_at_source(self) -> list[Checked]:
        channel = self._channel(self.target, self.source)
        if self.record.offline:
            self.source.receive()
            return []
        channel.require_kept()
        self.source.receive(show=True)
        channel.subscribe(copy=False)
        self.say(f"{self.name}: the old place catches up (who was never led away from it reads old rows there by now)")
        return self._follow(channel)

    def _follow(self, channel: Channel) -> list[Checked]:
        giving, taking = channel.giving, channel.taking
        structure.require_same(giving, taking)
        structure.refresh(taking)
        channel.catch_up()
        self.say(f"{self.name}: compare all rows at one instant")
        checked = verification.compare_under_load(giving, taking)
        rows = sum(table.rows for table in checked)
        self.say(f"{self.name}: {len(checked)} tables with {rows:,} rows are the same at both places")
        channel.catch_up()
        return checked

    def _hand_over(self, leaving: Place, entering: Place, checked: Sequence[Checked]) -> None:
        """Let `entering` be the true place from one moment to the next; if that fails, nothing is changed."""
        self.say(f"{self.name}: freeze")
        before = leaving.record
        marker = leaving.freeze(self.freeze_limit)
        try:
            self._complete(leaving, entering, marker, checked)
            leaving.outwait_leases()
            leaving.hold()
            self._require_rerouting().lead(self.settings, self.name, self.addresses.of(entering.side))
            leaving.await_departure()
            with signals.defer_signals():
                leaving.leave()
                entering.open()
        except BaseException:
            if leaving.connection.lost:
                self.say(
                    f"{self.name}: the connection was lost during the freeze, which ends by itself unless all was "
                    "ready for the switch. Run the same command again (or --abort)"
                )
                raise
            if leaving.standing == SERVING:
                self._accept_again(leaving)
            raise
        seconds = time.monotonic() - leaving.frozen_at
        broken_off = before is not None and before.rerouting
        refused = "since an earlier run was broken off in the switch" if broken_off else f"for {seconds:.1f} s"
        self.say(f"{self.name}: switched; writes were refused {refused}")

    def _complete(self, leaving: Place, entering: Place, marker: str, checked: Sequence[Checked]) -> None:
        """Bring what was still missing, and compare; nobody writes now."""
        if self.record.offline:
            self.say(f"{self.name}: copy all rows; writes are refused meanwhile")
            structure.bring_with_rows(leaving, entering)
            structure.refresh(entering)
            structure.analyze(entering)
            verification.compare_at_rest(leaving, entering, verification.tables_of(leaving))
            return
        self._channel(leaving, entering).drain(marker, leaving.frozen_at + self.freeze_limit)
        structure.require_same(leaving, entering)
        structure.bring_sequences(leaving, entering)
        structure.refresh(entering)
        verification.compare_at_rest(leaving, entering, [table.table for table in _quick(checked)])

    def _accept_again(self, place: Place) -> None:
        """Let writes go on where they went: the switch is off."""
        record = place.record
        address = self.addresses.of(place.side)
        if record and record.rerouting:
            try:
                self._require_rerouting().lead(self.settings, self.name, address)
            except MoveError as error:
                raise MoveError(
                    f"{error}. So nobody knows where the processes of {self.name} are led by now: reads go on, and "
                    "writes stay refused at both places. When that works again, run the same command again, or --abort"
                ) from error
        place.thaw()
        self.say(f"{self.name}: writes go on at {shown(address)}")

    def _clear_way_there(self) -> None:
        self._channel(self.source, self.target).close()
        try:
            self.target.tear_down_fence()
        except MigrationError as error:
            self.say(f"{error}. It stops nobody; the next run removes it")

    def _end_at_source(self) -> None:
        """Clear both places of what is left of the move when the source serves."""
        self._channel(self.target, self.source).close()
        self.source.tear_down_fence()
        self.source.restore_identity(self.record.full_identity)
        self.source.drop(self.source.hidden)
        self.target.drop(self.target.hidden)
        state.forget(self.target.connection)
        state.forget(self.source.connection)

    def _standing(self) -> tuple[str | None, str | None]:
        return self.source.standing, self.target.standing

    def _channel(self, giving: Place, taking: Place) -> Channel:
        return Channel(giving, taking, self.record.move, self.addresses.inside(giving.side))

    def _require_rerouting(self) -> Rerouting:
        if self.rerouting is None:
            raise MoveError(
                "the processes must be led to another address: say how (--pgbouncer FOLDER or --then COMMAND), or run "
                "this at a terminal, where it asks you to do it"
            )
        return self.rerouting

    def _tell_moved(self) -> None:
        self.say(f"{self.name} is at {shown(self.addresses.target)}.")
        self._tell_variables(self.addresses.target)
        upper = self.name.upper()
        if self.settings.databases[self.name].replica_urls:
            self.say(
                f"{upper}_REPLICA_URLS names replicas of the old server, which answer nothing any more: let it name "
                "replicas of the new one, or none"
            )
        self.say(
            f"Until you confirm, {'' if self.record.offline else 'the new server keeps its log and '}the old place "
            f"keeps its rows, hidden. Next: flask databases move {self.name} --confirm, or --back"
        )

    def _tell_variables(self, url: str) -> None:
        self.say("The environment of every process and of these commands must say:")
        for variable in variables(self.settings, self.name, url):
            self.say(f"  {variable}=<the address of {shown(url)}>")


def _quick(checked: Sequence[Checked]) -> list[Checked]:
    """Return the tables that can be compared within `CHECKED_SECONDS`, as many as possible."""
    fastest = sorted(checked, key=lambda each: each.seconds)
    sums = accumulate(each.seconds for each in fastest)
    return [each for each, total in takewhile(lambda pair: pair[1] < CHECKED_SECONDS, zip(fastest, sums, strict=True))]
