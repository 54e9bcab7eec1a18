"""Settings that hold, in full and small, and protocols that are wrong on purpose, each with what it breaks."""

from __future__ import annotations

from .world import Protocol, Setting


def faults(**counts: int) -> tuple[tuple[str, int], ...]:
    return tuple((name.replace("_", " "), count) for name, count in counts.items())


RESTART = {"redis_restarts": 1, "dump": 1}

LARGE = {
    "two writers, two readers": Setting(2, (2, 1)),
    "a writer and a reader die": Setting(2, (1, 1), faults=faults(writer_dies=1, reader_dies=1)),
    "keys vanish, processes die": Setting(1, (2, 2), faults=faults(writer_dies=1, evict=2, reader_dies=1)),
    "replica, keys vanish": Setting(2, (3,), True, begin="clean", faults=faults(evict=2, writer_dies=1)),
    "replica ahead, behind, restarting behind": Setting(
        1, (2, 2), True, begin="clean", faults=faults(replica_restarts_behind=1, writer_dies=1)
    ),
    "marks fail twice": Setting(
        1, (2, 2), openers=1, epochs=1, begin="entry", faults=faults(mark_fails=2, writer_dies=1)
    ),
    "two writers, a mark fails": Setting(
        2, (2,), openers=1, epochs=1, begin="entry", faults=faults(mark_fails=1, writer_dies=1)
    ),
    "redis restarts, a writer dies": Setting(
        1, (2, 1), openers=1, epochs=1, begin="entry", faults=faults(**RESTART, writer_dies=1)
    ),
    "redis restarts under two writers": Setting(2, (2,), openers=1, epochs=1, begin="entry", faults=faults(**RESTART)),
    "failover with a replica": Setting(1, (1, 1), True, openers=1, epochs=1, begin="clean", faults=faults(failover=1)),
    "a mark fails, redis restarts, two epochs": Setting(
        1, (3,), openers=1, epochs=2, begin="entry", faults=faults(mark_fails=1, **RESTART)
    ),
    "two writers, two readers, a replica": Setting(2, (1, 1), True, begin="clean"),
    "two openers, one dies": Setting(
        1, (2,), openers=2, epochs=2, begin="entry", faults=faults(**RESTART, opener_dies=1)
    ),
    "a retry acknowledges": Setting(
        1, (2, 1), openers=1, epochs=1, begin="entry", retries=True, faults=faults(mark_fails=1, writer_dies=1)
    ),
    "failover, the replica stays on the old timeline": Setting(
        1, (2,), True, openers=1, epochs=1, begin="clean", log=5, kept=5, faults=faults(failover=1)
    ),
    "failover under two writers": Setting(2, (2,), openers=1, epochs=1, begin="clean", faults=faults(failover=1)),
    "a mark fails under two writers": Setting(2, (1, 1), begin="entry", faults=faults(mark_fails=1, writer_dies=1)),
    "a mark fails, replica": Setting(
        1, (2, 1), True, openers=1, epochs=1, begin="entry", faults=faults(mark_fails=1, writer_dies=1)
    ),
    "a mark fails, replica, two writers": Setting(
        2, (2,), True, openers=1, epochs=1, begin="clean", faults=faults(mark_fails=1)
    ),
    "redis restarts empty, replica, two writers": Setting(
        2, (1,), True, openers=1, epochs=1, faults=faults(redis_restarts=1)
    ),
    "from closed, replica": Setting(2, (1, 1), True, openers=1, epochs=1, begin="closed"),
}

SMALL = {
    "two writers, a reader": Setting(2, (2,), begin="entry"),
    "a writer, two readers, a death each": Setting(1, (1, 1), faults=faults(writer_dies=1, reader_dies=1)),
    "keys vanish": Setting(1, (2,), faults=faults(writer_dies=1, evict=2)),
    "replica ahead, behind, restarting behind": Setting(
        1, (2,), True, begin="clean", faults=faults(replica_restarts_behind=1, evict=1)
    ),
    "a mark fails": Setting(1, (2,), openers=1, epochs=1, begin="entry", faults=faults(mark_fails=1, writer_dies=1)),
    "redis restarts": Setting(1, (2,), openers=1, epochs=1, begin="entry", faults=faults(**RESTART)),
    "failover with a replica": Setting(1, (1,), True, openers=1, epochs=1, begin="clean", faults=faults(failover=1)),
    "two openers, one dies": Setting(1, (1,), openers=2, epochs=1, begin="closed", faults=faults(opener_dies=1)),
    "a retry acknowledges": Setting(
        1, (2,), epochs=1, begin="entry", retries=True, faults=faults(mark_fails=1, writer_dies=1)
    ),
}

EVERYTHING = [
    Setting(
        3,
        (4, 4, 4),
        True,
        openers=2,
        epochs=3,
        begin=begin,
        retries=True,
        faults=faults(
            writer_dies=1,
            mark_fails=1,
            evict=2,
            **RESTART,
            failover=failover,
            replica_restarts_behind=1,
            reader_dies=1,
            opener_dies=1,
        ),
    )
    for begin in ("empty", "clean", "entry")
    for failover in (0, 0, 1)
]

WRITER_DIES = faults(writer_dies=1)
MARK_FAILS = faults(mark_fails=1)
EVICT = faults(evict=1)

WRONG = {
    "mark only before the commit": (Protocol(mark_after_commit=False), Setting(1, (2, 1)), "P1"),
    "mark only after the commit": (Protocol(token_before_commit=False), Setting(1, (1, 1), begin="entry"), "P4"),
    "mark only after the commit, a retry answers": (
        Protocol(token_before_commit=False),
        Setting(1, (2, 1), begin="entry", retries=True, faults=WRITER_DIES),
        "P1",
    ),
    "SETTLE overwrites the tokens of others": (Protocol(settle="overwrite"), Setting(2, (3,), begin="marked"), "P4"),
    "SETTLE lowers the position": (Protocol(settle="lower"), Setting(2, (2,), True, begin="clean"), "P1"),
    "SETTLE without its token deletes the mark": (
        Protocol(settle="delete"),
        Setting(2, (3,), begin="entry", faults=MARK_FAILS),
        "P1",
    ),
    "SETTLE creates a missing mark": (
        Protocol(settle="blind"),
        Setting(2, (2,), True, begin="clean", faults=EVICT),
        "P1",
    ),
    "a missing mark is a version": (
        Protocol(missing_is_a_version=True),
        Setting(1, (2, 1), faults=faults(evict=2)),
        "P1",
    ),
    "a missing mark is set to a position read before": (
        Protocol(establish="position"),
        Setting(1, (2, 1), True, begin="clean", faults=faults(evict=2)),
        "P1",
    ),
    "data read before the mark was established": (Protocol(data_after_establishing=False), Setting(1, (2, 1)), "P1"),
    "position without a tag": (
        Protocol(tags=False, data_after_establishing=True),
        Setting(1, (2, 1), begin="clean", any_key_may_vanish=True, faults=faults(evict=2)),
        "P1",
    ),
    "position read before the commit": (
        Protocol(position_after_commit=False),
        Setting(1, (2, 1), True, begin="clean"),
        "P1",
    ),
    "a failed mark is ignored": (
        Protocol(closing="never", wait_after_closing=False),
        Setting(1, (2, 1), begin="entry", faults=MARK_FAILS),
        "P1",
    ),
    "closed without a wait": (
        Protocol(wait_after_closing=False),
        Setting(1, (2, 1), begin="entry", faults=MARK_FAILS),
        "P1",
    ),
    "closed in a second transaction": (
        Protocol(closing="afterwards"),
        Setting(1, (2, 1), begin="entry", faults=faults(mark_fails=1, writer_dies=1)),
        "P4",
    ),
    "Redis not recognised": (
        Protocol(compare_redis=False),
        Setting(1, (2, 1), openers=1, epochs=1, begin="entry", faults=faults(**RESTART)),
        "P1",
    ),
    "opened at once": (
        Protocol(opening_waits=False),
        Setting(1, (2,), openers=1, epochs=1, begin="entry", faults=faults(**RESTART)),
        "P1",
    ),
    "row read before the xid": (
        Protocol(row_after_xid=False),
        Setting(1, (2,), openers=1, epochs=1, begin="looked"),
        "P1",
    ),
    "token dropped by age": (
        Protocol(token_until_xid_is_over=False),
        Setting(1, (2, 1), begin="marked", faults=WRITER_DIES),
        "P4",
    ),
    "tokens may be evicted": (
        Protocol(),
        Setting(1, (2, 1), any_key_may_vanish=True, faults=faults(evict=1, writer_dies=1)),
        "P4",
    ),
    "replica not checked": (Protocol(replica_check="none"), Setting(1, (2, 1), True, begin="clean"), "P1"),
    "replica's position remembered": (
        Protocol(replica_check="before"),
        Setting(1, (2, 1), True, begin="clean", faults=faults(replica_restarts_behind=1)),
        "P1",
    ),
    "replica's position read after the snapshot": (
        Protocol(replica_check="after"),
        Setting(1, (2, 1), True, begin="clean"),
        "P1",
    ),
    "replica's epoch not asked": (
        Protocol(replica_shows_epoch=False),
        Setting(1, (2,), True, openers=1, epochs=1, begin="clean", log=5, kept=1, faults=faults(failover=1)),
        "P1",
    ),
    "replica shows the epoch, not yet open": (
        Protocol(replica_shows_open=False),
        Setting(2, (1,), True, openers=1, epochs=1, begin="opening"),
        "P1",
    ),
    "marks not compared after a replica's answer": (
        Protocol(compare_after_replica=False),
        Setting(1, (2, 1), True, begin="clean"),
        "P4",
    ),
    "epoch is a counter": (
        Protocol(epochs_are_unique=False),
        Setting(1, (2,), True, openers=1, epochs=2, log=4, fork=True, kept=1, faults=faults(failover=1)),
        "P1",
    ),
    "timeline ignored by the writer": (
        Protocol(compare_timeline=False),
        Setting(2, (2,), True, openers=1, epochs=1, begin="clean", faults=faults(failover=1)),
        "P1",
    ),
    "a retry answers without the wait": (
        Protocol(retry_waits=False),
        Setting(1, (2, 1), begin="entry", retries=True, faults=faults(mark_fails=1, writer_dies=1)),
        "P1",
    ),
}
