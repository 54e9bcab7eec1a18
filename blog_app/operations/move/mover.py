"""The steps of a move, in order. Each run does the steps that are not done yet."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from blog_app.config import Settings
from blog_app.operations.migrate import MigrationError, signals
from blog_app.operations.migrate.database import Reporter
from blog_app.operations.move import MoveError, checks, state, structure, verification
from blog_app.operations.move.fence import FencedDatabase
from blog_app.operations.move.redirection import Redirection, variables
from blog_app.operations.move.replication import Channel
from blog_app.operations.move.state import LEFT, RECEIVING, SERVING, SOURCE, TARGET, Addresses, Record, redacted
from blog_app.operations.move.verification import ComparedTable, Table

RECHECK_SECONDS = 1.0
"""The part of the freeze in which small tables are compared again, while the leases end."""


@dataclass
class Mover:
    """A move between two servers, both locked for this run."""

    settings: Settings
    source: FencedDatabase
    target: FencedDatabase
    record: Record
    report: Reporter
    redirection: Redirection | None
    freeze_limit: float
    has_new_target: bool
    """Whether the command line names the target."""

    def forward(self) -> None:
        """Move to the target: start, or continue where an earlier run ended."""
        standing = self._standing()
        if standing in ((RECEIVING, SERVING), (RECEIVING, LEFT), (SERVING, LEFT)):
            raise MoveError(f"{self.name} is moving back: continue with that (--back), or stay at the target (--abort)")
        if standing[1] is None:
            self._begin()
        if self._standing() == (SERVING, RECEIVING):
            self._require_redirection().check(self.addresses.target)
            checked = [] if self.record.offline else self._copy()
            self._switch(self.source, self.target, checked)
        if self._standing() == (LEFT, RECEIVING):
            self.target.accept_writes()
        self._drop_forward_replication()
        self._report_moved()

    def back(self) -> None:
        """Return to the source, with everything written at the target."""
        standing = self._standing()
        if standing in ((SERVING, RECEIVING), (LEFT, RECEIVING)):
            raise MoveError(f"{self.name} has not arrived: finish the move (without --back), or roll it back (--abort)")
        if standing in ((LEFT, SERVING), (RECEIVING, SERVING)):
            self._require_redirection().check(self.addresses.source)
            self._drop_forward_replication()
            self._switch(self.target, self.source, self._catch_up_at_source())
        if self._standing() == (RECEIVING, LEFT):
            self.source.accept_writes()
        self._clean_up_at_source()
        self.report(f"{self.name} is back at {redacted(self.addresses.source)}, with everything written meanwhile.")
        self._report_variables(self.addresses.source)

    def abort(self) -> None:
        """Keep the server that takes writes now, and remove what the move has created."""
        standing = self._standing()
        if standing == (RECEIVING, SERVING):
            self._resume_writes(self.target)
            self._channel(self.target, self.source).pause()
            if self.record.offline:
                self.source.drop(self.name)
            self.source.leave()
            self.report(f"{self.name} stays at {redacted(self.addresses.target)}; --back is still possible")
        elif standing in ((SERVING, RECEIVING), (SERVING, None)):
            self._resume_writes(self.source)
            self._channel(self.source, self.target).drop()
            if standing[1]:
                self.target.drop(self.name)
            self._clean_up_at_source()
            self.report(f"the move is rolled back: {self.name} stays at {redacted(self.addresses.source)}")
        else:
            raise MoveError(f"{self.name} has been switched: run the move to its end, then use --back or --confirm")

    def confirm(self) -> None:
        """End the move: drop the schema at the source and everything else that belongs to the move."""
        if self._standing() not in ((LEFT, SERVING), (None, SERVING)):
            raise MoveError(f"{self.name} has not arrived yet, so there is nothing to confirm (flask databases)")
        self._drop_forward_replication()
        self._channel(self.target, self.source).drop()
        self.target.restore_replica_identity(self.record.full_identity)
        self.source.drop(self.source.hidden)
        state.mark_gone(self.source.connection)
        state.delete(self.target.connection)
        self.report(f"confirmed: {redacted(self.addresses.source)} no longer holds anything of {self.name}")

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def addresses(self) -> Addresses:
        return self.record.addresses

    def _begin(self) -> None:
        if not self.has_new_target:
            raise MoveError(f"{self.name} has not started to move: name the target (--to URL), or clean up (--abort)")
        self._require_redirection().check(self.addresses.target)
        checks.require_movable(self.source, self.target, self.addresses, offline=self.record.offline)
        state.write(self.source.connection, replace(self.record, side=SOURCE, standing=SERVING))
        state.write(self.target.connection, replace(self.record, side=TARGET, standing=RECEIVING))

    def _copy(self) -> list[ComparedTable]:
        """Copy everything under load, until the target has caught up; return the compared tables."""
        source, target = self.source, self.target
        channel, way_back = self._channel(source, target), self._channel(target, source)
        channel.publish(self.record.full_identity)
        if not target.exists(self.name):
            self.report(f"{self.name}: copy the schema")
            structure.copy_schema(source, target)
        target.receive()
        channel.create_slot()
        channel.subscribe(copy=True)
        self.report(f"{self.name}: copy the rows")
        channel.wait_for_copy(sum(table.rows for table in verification.tables_of(source)))
        if built := structure.build_indexes(source, target):
            self.report(f"{self.name}: built {built} indexes")
        structure.analyze(target)
        way_back.publish(())
        way_back.create_slot()
        return self._compare(channel)

    def _catch_up_at_source(self) -> list[ComparedTable]:
        channel = self._channel(self.target, self.source)
        if self.record.offline:
            self.source.receive()
            return []
        channel.require_log_retained()
        self.source.receive(show=True)
        channel.subscribe(copy=False)
        self.report(
            f"{self.name}: the source catches up (a process that still has its address reads old rows there meanwhile)"
        )
        return self._compare(channel)

    def _compare(self, channel: Channel) -> list[ComparedTable]:
        publisher, subscriber = channel.publisher, channel.subscriber
        structure.require_same_schema(publisher, subscriber)
        structure.refresh_views(subscriber)
        channel.wait_until_caught_up()
        self.report(f"{self.name}: compare all rows")
        checked = verification.compare_under_load(publisher, subscriber)
        rows = sum(table.rows for table in checked)
        self.report(f"{self.name}: {len(checked)} tables with {rows:,} rows are the same on both servers")
        channel.wait_until_caught_up()
        return checked

    def _switch(self, publisher: FencedDatabase, subscriber: FencedDatabase, checked: Sequence[ComparedTable]) -> None:
        """Make `subscriber` the server that takes writes; if that fails, `publisher` stays it."""
        self.report(f"{self.name}: freeze")
        before = publisher.record
        marker = publisher.freeze(self.freeze_limit)
        try:
            self._finish_copy(publisher, subscriber, marker, checked)
            publisher.wait_for_leases()
            publisher.extend_freeze()
            self._require_redirection().redirect(self.addresses.of_side(subscriber.side))
            publisher.wait_for_running_queries()
            with signals.defer_signals():
                publisher.leave()
                subscriber.accept_writes()
        except BaseException:
            if publisher.connection.lost:
                self.report(
                    f"{self.name}: the connection was lost in the freeze, which expires unless the switch was ready. "
                    "Run the same command again (or --abort)"
                )
            elif publisher.standing == SERVING:
                self._resume_writes(publisher)
            raise
        seconds = time.monotonic() - publisher.frozen_at
        interrupted = before is not None and before.rerouting
        refused = "since an earlier run was interrupted in the switch" if interrupted else f"for {seconds:.1f} s"
        self.report(f"{self.name}: switched; writes were refused {refused}")

    def _finish_copy(
        self, publisher: FencedDatabase, subscriber: FencedDatabase, marker: str, checked: Sequence[ComparedTable]
    ) -> None:
        """Copy what is missing, and compare; writes are refused meanwhile."""
        if self.record.offline:
            self.report(f"{self.name}: copy all rows; writes are refused meanwhile")
            structure.copy_schema_and_rows(publisher, subscriber)
            structure.refresh_views(subscriber)
            structure.analyze(subscriber)
            verification.compare_at_rest(publisher, subscriber, verification.tables_of(publisher))
            return
        self._channel(publisher, subscriber).wait_for_marker(marker, publisher.frozen_at + self.freeze_limit)
        structure.require_same_schema(publisher, subscriber)
        structure.copy_sequences(publisher, subscriber)
        structure.refresh_views(subscriber)
        verification.compare_at_rest(publisher, subscriber, _quick(checked))

    def _resume_writes(self, database: FencedDatabase) -> None:
        """Redirect processes back and accept writes again: the switch is cancelled."""
        record = database.record
        address = self.addresses.of_side(database.side)
        if record and record.rerouting:
            try:
                self._require_redirection().redirect(address)
            except MoveError as error:
                raise MoveError(
                    f"{error}. So it is unknown which server the processes of {self.name} use: reads go on, and writes "
                    "stay refused on both servers. Fix that and run the same command again, or --abort"
                ) from error
        database.accept_writes()
        self.report(f"{self.name}: writes go on at {redacted(address)}")

    def _drop_forward_replication(self) -> None:
        self._channel(self.source, self.target).drop()
        try:
            self.target.drop_fence()
        except MigrationError as error:
            self.report(f"{error}. It refuses nothing; the next run drops it")

    def _clean_up_at_source(self) -> None:
        """Remove the rest of the move from both servers; the source takes writes."""
        self._channel(self.target, self.source).drop()
        self.source.drop_fence()
        self.source.restore_replica_identity(self.record.full_identity)
        self.source.drop(self.source.hidden)
        self.target.drop(self.target.hidden)
        state.delete(self.target.connection)
        state.delete(self.source.connection)

    def _standing(self) -> tuple[str | None, str | None]:
        return self.source.standing, self.target.standing

    def _channel(self, publisher: FencedDatabase, subscriber: FencedDatabase) -> Channel:
        return Channel(publisher, subscriber, self.record.move, self.addresses.inside(publisher.side))

    def _require_redirection(self) -> Redirection:
        if self.redirection is None:
            raise MoveError(
                "the processes need the new address: use --pgbouncer FOLDER or --then COMMAND, or run this at a "
                "terminal, where it asks you to change it"
            )
        return self.redirection

    def _report_moved(self) -> None:
        self.report(f"{self.name} is at {redacted(self.addresses.target)}.")
        self._report_variables(self.addresses.target)
        upper = self.name.upper()
        if self.settings.databases[self.name].replica_urls:
            self.report(
                f"{upper}_REPLICA_URLS names replicas of the source, which are out of use: name replicas of the "
                "target, or none"
            )
        self.report(
            f"Until you confirm, {'' if self.record.offline else 'the target keeps its log and '}the source "
            f"keeps its rows, hidden. Next: flask databases move {self.name} --confirm, or --back"
        )

    def _report_variables(self, url: str) -> None:
        self.report("Set this in the environment of every process and of these commands:")
        for variable in variables(self.settings, self.name, url):
            self.report(f"  {variable}=<the address of {redacted(url)}>")


def _quick(checked: Sequence[ComparedTable]) -> list[Table]:
    """Return as many tables as can be compared within `RECHECK_SECONDS`."""
    fastest = sorted(checked, key=lambda each: each.seconds)
    total_seconds = accumulate(each.seconds for each in fastest)
    return [each.table for each, total in zip(fastest, total_seconds, strict=True) if total < RECHECK_SECONDS]
