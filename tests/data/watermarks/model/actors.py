"""What writers, readers and openers do, one atomic step at a time."""

from __future__ import annotations

from .world import (
    CLOSED,
    OPEN,
    OPENING,
    Entry,
    EpochRow,
    Lease,
    Mark,
    Opener,
    Protocol,
    Reader,
    Setting,
    Steps,
    World,
    Writer,
    leases_end,
    put,
    replayed,
    row_is_locked,
    servers,
    spend,
    store,
)


def steps(world: World, protocol: Protocol, setting: Setting) -> Steps:
    """Yield each possible next step and the world after it."""
    for index in range(len(world.writers)):
        yield from writes(world, index, protocol)
    for index in range(len(world.readers)):
        yield from reads(world, index, protocol, setting)
    for index in range(len(world.openers)):
        yield from opens(world, index, protocol, setting)
    yield from servers(world, setting)


def begin(world: World, epoch: int, token: int) -> World:
    """BEGIN: append the token."""
    position, tag, tokens = world.memory[epoch].mark or Mark(0, 0, ())
    return store(world, epoch, mark=Mark(position, tag, tuple(sorted((*tokens, token)))))


def settle(world: World, epoch: int, token: int, position: int, tag: object, protocol: Protocol) -> World:
    """SETTLE: the token goes, the higher position and the new tag stay."""
    mark = world.memory[epoch].mark
    tag = tag if protocol.tags else 0
    if protocol.settle == "overwrite" or (mark is None and protocol.settle == "blind"):
        return store(world, epoch, mark=Mark(position, tag, ()))
    if mark is None:
        return world
    if protocol.settle == "delete" and token not in mark.tokens:
        return store(world, epoch, mark=None)
    higher = position if protocol.settle == "lower" else max(mark.position, position)
    return store(world, epoch, mark=Mark(higher, tag, tuple(t for t in mark.tokens if t != token)))


def writes(world: World, index: int, protocol: Protocol) -> Steps:
    me, state, token = world.writers[index], world.transactions[index], index + 1
    who = f"writer {index}: "

    def move(base: World = world, transaction: str | None = None, **now: object) -> World:
        return base._replace(
            writers=put(base.writers, index, me._replace(**now)),
            transactions=put(base.transactions, index, transaction or base.transactions[index]),
        )

    if me.at == "idle":
        if protocol.row_after_xid:
            yield who + f"has an xid, reads {world.row}", move(at="began", row=world.row, transaction="active")
        else:
            yield who + f"reads {world.row}", move(at="looked", row=world.row)
    elif me.at == "looked":
        yield who + "has an xid", move(at="began", transaction="active")
    elif me.at == "began" and state == "active":
        assert me.row is not None
        trusted = (
            me.row.status != CLOSED
            and (me.row.redis == world.redis or not protocol.compare_redis)
            and (me.row.timeline == world.timeline or not protocol.compare_timeline)
        )
        position = 0 if protocol.position_after_commit else len(world.log)
        unmarked = world._replace(unmarked=world.unmarked | 1 << index)
        if not protocol.token_before_commit:
            yield who + "places no token", move(at="ready", marked=True, position=position)
        elif not trusted:
            yield who + "cannot mark", move(unmarked, at="ready")
        else:
            placed = begin(world, me.row.epoch, token)
            if not protocol.mark_after_commit:
                placed = store(world, me.row.epoch, mark=Mark(len(world.log), token, ()))
            yield who + "BEGIN", move(placed, at="ready", marked=True, position=position)
            if after := spend(unmarked, "mark fails"):
                yield who + "BEGIN FAILS", move(after, at="ready")
                yield who + "BEGIN FAILS, APPLIED", move(after._replace(memory=placed.memory), at="ready")
    elif me.at == "ready" and state == "active":
        assert me.row is not None
        began_closed = me.row.status == CLOSED and protocol.row_after_xid
        closes = not me.marked and protocol.closing == "in the transaction" and world.row.status != CLOSED
        closes = closes and not began_closed  # An epoch that opens meanwhile waits for this transaction.
        if not (closes and row_is_locked(world)):
            after = world._replace(log=(*world.log, (index, closes)))
            closed = -1 if me.marked else me.row.epoch if began_closed else world.row.epoch
            yield who + "COMMIT is in the log", move(after, "logged", at="logged", closed=closed, closes=closes)
    elif me.at == "logged" and state == "committed":
        if not me.marked and protocol.closing == "afterwards" and world.row.status != CLOSED:
            if not row_is_locked(world):
                row = world.row._replace(status=CLOSED)
                after = world._replace(row=row, log=(*world.log, row))
                yield who + "closes afterwards", move(after, at="committed", closed=row.epoch)
        else:
            position = len(world.log) if protocol.position_after_commit else me.position
            yield who + "COMMIT returned", move(at="committed", position=position)
    elif me.at == "committed":
        yield from answers(world, index, protocol)
    if me.at in ("began", "ready", "logged", "committed") and (after := spend(world, "writer dies")):
        gone = "aborted" if state == "active" else state
        yield who + "DIES", move(after, gone, at="dead", row=None, marked=False, position=0)


def answers(world: World, index: int, protocol: Protocol) -> Steps:
    me, token = world.writers[index], index + 1
    who = f"writer {index}: "
    done = world._replace(
        writers=put(world.writers, index, Writer("done")),
        acknowledged=world.acknowledged | (1 << index & world.visible),
    )
    if not me.marked:
        yield who + "answers unmarked", leases_end(done, me.closed) if protocol.wait_after_closing else done
        return
    assert me.row is not None
    if not protocol.mark_after_commit:
        yield who + "answers", done
    elif me.row.redis == world.redis or not protocol.compare_redis:
        epoch = me.row.epoch
        if protocol.token_before_commit:
            yield who + "SETTLE, answers", settle(done, epoch, token, me.position, token, protocol)
        else:
            mark = world.memory[epoch].mark
            position = max(me.position, mark.position if mark else 0)
            yield who + "marks, answers", store(done, epoch, mark=Mark(position, token, ()))
        if after := spend(done, "mark fails"):
            yield who + "SETTLE FAILS, answers", after
    else:
        yield who + "cannot settle, answers", done


def reads(world: World, index: int, protocol: Protocol, setting: Setting) -> Steps:
    me, row = world.readers[index], world.row
    token = 100 + 10 * index + me.left
    who = f"reader {index}: "

    def move(at: str, note: object = None, base: World = world, **now: object) -> World:
        return base._replace(readers=put(base.readers, index, me._replace(at=at, note=note, **now)))

    def returned(data: int, *, leased: bool, base: World = world) -> World:
        """The read is over; were the promises kept?"""
        broken = "P1" if me.acknowledged & ~data else ""
        unseen = me.seen & ~data
        if not broken and unseen:
            excused = leased and not unseen & ~world.unmarked and not unseen & (me.lease.visible if me.lease else 0)
            broken = "" if excused else "P4"
        kept = replayed(base.log)[0]  # A failover may have lost what was read before it.
        lease = me.lease if me.left > 1 and me.lease and not me.lease.ended else None
        return base._replace(
            readers=put(base.readers, index, Reader("idle", me.left - 1, lease)),
            seen=base.seen | data & kept,
            broken=broken,
        )

    if me.at == "idle":
        if me.left:
            start = {"acknowledged": world.acknowledged, "seen": world.seen}
            if me.lease:
                yield who + "starts under its lease", move("look", **start)
            if me.lease is None or me.lease.epoch != row.epoch or row.status != OPEN:
                if row.status == OPEN and (row.timeline == world.timeline or not protocol.compare_timeline):
                    lease = Lease(row.epoch, row.redis, world.visible)
                    yield who + f"starts, lease on epoch {row.epoch}", move("look", lease=lease, **start)
                else:
                    yield who + "starts without a lease", move("primary", lease=None, **start)
            yield who + "starts uncached", move("primary", **start)
            if setting.retries:
                yield who + "starts as a retry", move("retry", **start)
        return

    epoch = me.lease.epoch if me.lease else 0
    same_redis = me.lease is not None and (world.redis == me.lease.redis or not protocol.compare_redis)
    mark, entry = world.memory[epoch]
    if mark is None and protocol.missing_is_a_version:
        mark = Mark(0, 0, ())

    if me.at in ("look", "missing", "establish", "heal") and not same_redis:
        yield who + "bypasses, another Redis", move("primary", lease=None)
    elif me.at == "look":
        if mark is None:
            yield who + "MGET: no mark", move("missing", len(world.log))
            yield who + "MGET: no mark, and it is the first request", move("primary")
        elif mark.tokens:
            yield who + f"MGET: tokens {mark.tokens}", move("primary")
            yield who + f"MGET: looks into token {mark.tokens[0]}", move("dangling", mark.tokens[0])
        elif entry is not None and entry.version == mark.version:
            yield who + "HIT", returned(entry.data, leased=True)
        else:
            yield who + "MGET: miss", move("read", mark.version)
    elif me.at == "missing":
        if mark is not None:
            yield who + "the mark appeared", move("primary")
        elif protocol.establish == "position":
            made = Mark(me.note, token, ())
            yield who + "SET NX position", move("read", made.version, store(world, epoch, mark=made))
        else:
            yield who + "SET NX token", move("placed", base=store(world, epoch, mark=Mark(0, 0, (token,))))
    elif me.at == "placed":
        data = None if protocol.data_after_establishing else world.visible
        yield who + "reads the position", move("establish", (len(world.log), data))
    elif me.at == "establish":
        position, data = me.note
        after = settle(world, epoch, token, position, token, protocol)
        mark = after.memory[epoch].mark
        if mark is None or mark.tokens:
            yield who + "SETTLE: not clean", move("primary", base=after)
        elif data is None:
            yield who + "SETTLE: established", move("read", mark.version, after)
        else:
            yield who + "SETTLE: established, data read before", move("store", (mark.version, data, False), after)
    elif me.at == "dangling":
        over = me.note >= 100 or world.transactions[me.note - 1] in ("committed", "aborted")
        if over or not protocol.token_until_xid_is_over:
            yield who + f"token {me.note} is over", move("heal", (me.note, len(world.log)))
        else:
            yield who + f"token {me.note} is in progress", move("primary")
    elif me.at == "heal":
        yield (
            who + f"settles token {me.note[0]}",
            move("primary", base=settle(world, epoch, *me.note, tag=-token, protocol=protocol)),
        )
    elif me.at == "read":
        version = me.note
        yield who + "reads the primary", move("store", (version, world.visible, False))
        if world.replica is not None:
            data, shown = replayed(world.replica)
            reached = len(world.replica) >= version[0]
            ours = not protocol.replica_shows_epoch or (
                shown.epoch == epoch and (shown.status == OPEN or not protocol.replica_shows_open)
            )
            if protocol.replica_check == "after":
                yield who + "reads the replica", move("replica after", (version, data))
            elif ours and protocol.replica_check == "before":
                if reached:
                    yield who + "replica was there", move("replica before", version)
            elif ours and (reached or protocol.replica_check == "none"):
                yield who + "reads the replica", move("store", (version, data, True))
    elif me.at == "replica before":
        assert world.replica is not None
        yield who + "reads the replica", move("store", (me.note, replayed(world.replica)[0], True))
    elif me.at == "replica after":
        assert world.replica is not None
        version, data = me.note
        if len(world.replica) >= version[0]:
            yield who + "replica is there", move("store", (version, data, True))
        else:
            yield who + "replica is behind", move("primary")
    elif me.at == "store":
        version, data, replica = me.note
        same = same_redis and mark is not None and not mark.tokens and mark.version == version
        if same:
            stored = store(world, epoch, entry=Entry(version, data))
            yield who + "STORE", returned(data, leased=replica, base=stored)
            yield who + "MGET: the same, and it is the first request", returned(data, leased=replica)
        elif replica and protocol.compare_after_replica:
            yield who + "STORE: 0, the primary instead", move("primary")
        else:
            yield who + "STORE: 0", returned(data, leased=replica)
    elif me.at == "primary":
        yield who + "returns the primary's", returned(world.visible, leased=False)
    elif me.at == "retry":
        yield who + "retry reads", move("acknowledge", world.visible)
    elif me.at == "acknowledge":
        after = world
        if row.status == CLOSED and protocol.retry_waits:
            after = leases_end(world, row.epoch)
        data = me.note & replayed(world.log)[0]
        lease = after.readers[index].lease
        lease = lease if me.left > 1 and lease and not lease.ended else None
        after = after._replace(
            readers=put(after.readers, index, Reader("idle", me.left - 1, lease)),
            acknowledged=world.acknowledged | data,
            seen=world.seen | data,
        )
        yield who + "retry acknowledges", after
    if me.at not in ("primary", "retry", "acknowledge") and (after := spend(world, "reader dies")):
        gone = Reader("idle", me.left - 1)
        yield who + "DIES", after._replace(readers=put(after.readers, index, gone))


def opens(world: World, index: int, protocol: Protocol, setting: Setting) -> Steps:
    me, row = world.openers[index], world.row
    who = f"opener {index}: "

    def move(at: str = "idle", base: World = world, **now: object) -> World:
        return base._replace(openers=put(base.openers, index, Opener(at, **now)))

    def write(new: EpochRow) -> World:
        return world._replace(row=new, log=(*world.log, new))

    strange = (protocol.compare_redis and row.redis != world.redis) or (
        protocol.compare_timeline and row.timeline != world.timeline
    )
    room = world.next_epoch <= setting.epochs
    locked = row_is_locked(world)
    if me.at == "idle" and not locked:
        if row.status != CLOSED and strange:
            yield who + "closes", write(row._replace(status=CLOSED))
        if row.status == CLOSED and room:
            ended = leases_end(world, row.epoch) if protocol.wait_after_closing else world
            yield who + "has waited", move("waited", ended, epoch=row.epoch)
        if row.status == OPENING and not strange:
            yield who + "takes over", move("opening", epoch=row.epoch)
    elif me.at == "waited" and not locked:
        if row.epoch == me.epoch and row.status == CLOSED and room:
            epoch = world.next_epoch if protocol.epochs_are_unique else row.epoch + 1
            new = EpochRow(epoch, OPENING if protocol.opening_waits else OPEN, world.redis, world.timeline)
            after = write(new)._replace(next_epoch=world.next_epoch + 1)
            at = "opening" if protocol.opening_waits else "idle"
            yield who + f"writes {new}", move(at, after, epoch=epoch)
        else:
            yield who + "gives up", move()
    elif me.at == "opening":
        running = tuple(i for i, state in enumerate(world.transactions) if state in ("active", "logged"))
        yield who + f"waits for {running}", move("waiting", epoch=me.epoch, waits_for=running)
    elif me.at == "waiting" and not locked:
        if row[:2] != (me.epoch, OPENING):
            yield who + "gives up", move()
        elif all(world.transactions[i] in ("committed", "aborted") for i in me.waits_for):
            yield who + "opens", move(base=write(row._replace(status=OPEN)))
    if me.at != "idle" and (after := spend(world, "opener dies")):
        yield who + "DIES", move(base=after)
