"""The state of the model: the primary with its log, a replica, Redis, the processes; and the faults that hit them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

CLOSED, OPENING, OPEN = "closed", "opening", "open"
Steps = Iterator[tuple[str, "World"]]


@dataclass(frozen=True)
class Protocol:
    """The rules; a default is the rule as it is implemented, anything else is wrong on purpose."""

    token_before_commit: bool = True
    mark_after_commit: bool = True
    settle: str = "merge"  # overwrite | lower | blind | delete: what SETTLE does with other tokens, positions, no mark
    position_after_commit: bool = True
    missing_is_a_version: bool = False
    establish: str = "token"  # position: SET NX of a position read before
    data_after_establishing: bool = True
    tags: bool = True
    closing: str = "in the transaction"  # afterwards | never
    wait_after_closing: bool = True
    compare_redis: bool = True
    compare_timeline: bool = True
    opening_waits: bool = True
    row_after_xid: bool = True
    token_until_xid_is_over: bool = True
    replica_check: str = "in the message"  # none | before | after
    replica_shows_epoch: bool = True
    replica_shows_open: bool = True
    compare_after_replica: bool = True
    epochs_are_unique: bool = True
    retry_waits: bool = True


@dataclass(frozen=True)
class Setting:
    """How many processes there are, how the world begins, and how often each fault may happen."""

    writers: int = 1
    reads: tuple[int, ...] = (2, 1)
    """How many reads each reader does."""
    replica: bool = False
    openers: int = 0
    epochs: int = 2
    begin: str = "empty"
    """empty; clean: the mark is known; entry: and an entry is stored at it; marked: and the writers have marked;
    closed; looked: closed since the writers read the row; opening: since writer 0 marked under the epoch before."""
    log: int = 0
    """Records that are in the log before the first step."""
    fork: bool = False
    """The last of them opened an epoch that a failover may lose."""
    kept: int = 0
    """How many records a failover keeps; 0: any number."""
    retries: bool = False
    any_key_may_vanish: bool = False
    faults: tuple[tuple[str, int], ...] = ()


class EpochRow(NamedTuple):
    """The row of `watermark_epoch`."""

    epoch: int
    status: str
    redis: int
    timeline: int


class Mark(NamedTuple):
    position: int
    tag: Any
    tokens: tuple[int, ...]

    @property
    def version(self) -> tuple[int, Any]:
        return self[:2]


class Entry(NamedTuple):
    version: tuple[int, Any]
    data: int


class Keys(NamedTuple):
    """What Redis holds under one epoch."""

    mark: Mark | None = None
    entry: Entry | None = None


class Writer(NamedTuple):
    at: str = "idle"
    row: EpochRow | None = None
    marked: bool = False
    position: int = 0
    closed: int = -1
    """The epoch whose leases must end before this write is acknowledged."""
    closes: bool = False


class Lease(NamedTuple):
    epoch: int
    redis: int
    visible: int
    """What the primary showed when the lease was taken."""
    ended: bool = False


class Reader(NamedTuple):
    at: str
    left: int
    lease: Lease | None = None
    acknowledged: int = 0
    seen: int = 0
    """What was acknowledged, and what had been seen, when this read began."""
    note: Any = None


class Opener(NamedTuple):
    at: str = "idle"
    epoch: int = 0
    waits_for: tuple[int, ...] = ()


class World(NamedTuple):
    log: tuple[Any, ...]
    visible: int
    row: EpochRow
    timeline: int
    replica: tuple[Any, ...] | None
    redis: int
    memory: tuple[Keys, ...]
    dump: tuple[Keys, ...] | None
    writers: tuple[Writer, ...]
    transactions: tuple[str, ...]
    readers: tuple[Reader, ...]
    openers: tuple[Opener, ...]
    faults: tuple[tuple[str, int], ...]
    acknowledged: int = 0
    seen: int = 0
    unmarked: int = 0
    next_epoch: int = 1
    broken: str = ""
    """The promise that the last step broke."""


def beginning(setting: Setting) -> World:
    row = EpochRow(0, CLOSED if setting.begin == "closed" else OPEN, 0, 0)
    log: tuple[Any, ...] = (row, *("other",) * setting.log)
    writers = [Writer() for _ in range(setting.writers)]
    transactions = ["none"] * setting.writers
    mark = Mark(1, "old", ())
    keys = Keys()
    if setting.begin == "clean":
        keys = Keys(mark)
    elif setting.begin == "entry":
        keys = Keys(mark, Entry(mark.version, 0))
    elif setting.begin == "marked":
        keys = Keys(mark._replace(tokens=tuple(range(1, setting.writers + 1))), Entry(mark.version, 0))
        writers = [Writer("ready", row, marked=True)] * setting.writers
        transactions = ["active"] * setting.writers
    elif setting.begin == "looked":
        writers = [Writer("looked", row)] * setting.writers
        row = row._replace(status=CLOSED)
        log += (row,)
    elif setting.begin == "opening":
        writers[0] = Writer("ready", row._replace(redis=-1), marked=True)
        transactions[0] = "active"
        row = EpochRow(1, OPENING, 0, 0)
        log += (row,)
    if setting.fork:
        row = EpochRow(1, OPEN, 0, 0)
        log += (row,)
    return World(
        log=log,
        visible=0,
        row=row,
        timeline=0,
        replica=log if setting.replica else None,
        redis=0,
        memory=(keys, *(Keys(),) * setting.epochs),
        dump=None,
        writers=tuple(writers),
        transactions=tuple(transactions),
        readers=tuple(Reader("idle", reads) for reads in setting.reads),
        openers=(Opener(),) * setting.openers,
        faults=setting.faults,
        next_epoch=row.epoch + 1,
    )


def replayed(log: tuple[Any, ...]) -> tuple[int, EpochRow]:
    """Return the data and the row that a server shows after `log`. A commit is (writer, closes the epoch)."""
    data, row = 0, log[0]
    for record in log:
        if isinstance(record, EpochRow):
            row = record
        elif record != "other":
            data |= 1 << record[0]
            if record[1]:
                row = row._replace(status=CLOSED)
    return data, row


def put(items: tuple[Any, ...], index: int, item: Any) -> tuple[Any, ...]:
    return (*items[:index], item, *items[index + 1 :])


def spend(world: World, fault: str) -> World | None:
    """Return the world with one `fault` fewer to come, or None when none is left."""
    for index, (name, left) in enumerate(world.faults):
        if name == fault and left:
            return world._replace(faults=put(world.faults, index, (name, left - 1)))
    return None


def store(world: World, epoch: int, **keys: Any) -> World:
    return world._replace(memory=put(world.memory, epoch, world.memory[epoch]._replace(**keys)))


def row_is_locked(world: World) -> bool:
    """Tell whether a commit that closes the epoch is under way."""
    return any(
        writer.closes and state == "logged" for writer, state in zip(world.writers, world.transactions, strict=True)
    )


def leases_end(world: World, epoch: int) -> World:
    """T has passed since `epoch` was closed: nobody begins another read under it."""
    readers = []
    for reader in world.readers:
        lease = reader.lease
        if lease is not None and lease.epoch == epoch:
            lease = None if reader.at == "idle" else lease._replace(ended=True)
            reader = reader._replace(lease=lease)
        readers.append(reader)
    return world._replace(readers=tuple(readers))


def servers(world: World, setting: Setting) -> Steps:
    """What the servers do by themselves, and what befalls them."""
    for index, state in enumerate(world.transactions):
        if state == "logged":
            row = world.row._replace(status=CLOSED) if world.writers[index].closes else world.row
            yield (
                f"commit of writer {index} is visible",
                world._replace(
                    transactions=put(world.transactions, index, "committed"),
                    visible=world.visible | 1 << index,
                    row=row,
                ),
            )
    replica = world.replica
    if replica is not None:
        if len(replica) < len(world.log) and world.log[: len(replica)] == replica:
            yield "replica replays", world._replace(replica=world.log[: len(replica) + 1])
        if len(replica) > 1 and (after := spend(world, "replica restarts behind")):
            yield "REPLICA RESTARTS BEHIND", after._replace(replica=replica[:-1])
    if after := spend(world, "evict"):
        for epoch, (mark, entry) in enumerate(world.memory):
            if mark is not None and (setting.any_key_may_vanish or not mark.tokens):
                yield f"MARK EVICTED, epoch {epoch}", store(after, epoch, mark=None)
            if entry is not None:
                yield f"ENTRY EVICTED, epoch {epoch}", store(after, epoch, entry=None)
    if after := spend(world, "dump"):
        yield "redis dumps", after._replace(dump=world.memory)
    if after := spend(world, "redis restarts"):
        after = after._replace(redis=world.redis + 1)
        yield "REDIS RESTARTS EMPTY", after._replace(memory=(Keys(),) * len(world.memory))
        if world.dump is not None:
            yield "REDIS RESTARTS WITH OLD MEMORY", after._replace(memory=world.dump, dump=None)
    if after := spend(world, "failover"):
        for kept in [setting.kept] if setting.kept else range(1, len(world.log) + 1):
            yield f"FAILOVER keeps {kept} of {len(world.log)} records", promoted(after, world.log[:kept])


def promoted(world: World, log: tuple[Any, ...]) -> World:
    """A standby that had replayed `log` is the primary now; what it lacks was lost and is owed to nobody."""
    data, row = replayed(log)
    transactions, writers = [], []
    for index, (state, writer) in enumerate(zip(world.transactions, world.writers, strict=True)):
        was = state
        if state == "active":
            state = "aborted"
        elif state in ("logged", "committed"):
            state = "committed" if data >> index & 1 else "aborted"
        gone = was == "logged" or (state == "aborted" and writer.at in ("began", "ready", "logged"))
        transactions.append(state)
        writers.append(Writer("dead") if gone else writer)
    readers = tuple(
        reader._replace(acknowledged=reader.acknowledged & data, seen=reader.seen & data) for reader in world.readers
    )
    return world._replace(
        log=log,
        visible=data,
        row=row,
        timeline=world.timeline + 1,
        transactions=tuple(transactions),
        writers=tuple(writers),
        readers=readers,
        acknowledged=world.acknowledged & data,
        seen=world.seen & data,
    )
