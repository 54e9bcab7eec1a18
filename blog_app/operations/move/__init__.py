"""Moving a logical database to another PostgreSQL server while people use it.

What is promised, whatever is killed when:

* No acknowledged write is lost, and no write is made in both places.
* At each moment at most one place accepts writes. Writes are refused, with 503 and `Retry-After`, for a few seconds;
  reads go on all the time where processes follow a PgBouncer (or all at once a new address).
* Once the new place accepts writes, the old one shows nothing any more: no read, by a process that still has the old
  address, is older than a write that was answered. What was cached at the old place is never taken for the new one.
* A run that was killed is continued by the next. Until the switch, `--abort` leaves everything as it was; after it,
  `--back` returns to the old place with all that was written since; `--confirm` ends the move.

How a place stands is a word in that place's own database (`state`), changed with the place itself in one transaction:

    source     target
    serving    receiving   the copy is under way, or writes are refused for a moment    run again, or --abort
    left       receiving   decided: the target is about to open                         run again
    left       serving     moved                                                        --confirm or --back
    receiving  serving     on the way back: what was written since is copied            --back again, or --abort
    receiving  left        decided: the source is about to open                         --back again
    serving    left        back: what is left of the move is being cleared away         --back again

A place comes to serve only after the other was left, and to be left only after every committed write has arrived at the
other, which was verified. That is all there is to it; every step between is made if it has not been made yet.

The switch, after the copy has caught up and was found to be the same (`verification`):

1. *Freeze*: fence all tables of the old place, in one transaction that waits for the writers under way. It closes the
   epoch of the watermarks, and writes a marker. The fence has a deadline: if we die, writes go on by themselves.
2. The marker arrives at the new place, and so everything before it. Sequences, materialized views, small tables again.
   Every lease on the old epoch ends meanwhile, so no process believes any more what is cached.
3. *Hold*: the fence loses its deadline, if it has not passed. Processes are led to the new place, which is fenced too:
   they read the same here and there.
4. *Leave*: the old schema is renamed. Nobody reads or writes there any more.
5. *Open*: the fence of the new place falls.

The way back is a slot that was made at the new place before it served: it keeps what was written there. So the log of
the new server grows until the move is confirmed (`flask databases` says by how much). On the way back the old place is
shown again, still fenced, while it catches up; whoever has had only the old address all the time, and so got nothing
but 503, reads old things there in that time.

A server without logical replication (`wal_level`, rights) can be left and reached by `--offline`: writes are refused
while pg_dump and pg_restore bring all rows over.

What is not promised: changes of a schema during a move are noticed but not copied (the app makes none); large objects
are not moved; roles with `session_replication_role = replica` pass the fence; what is deleted at the new place lives
on, hidden, at the old one until the move is confirmed.

state         the record
places        one place: its fence, its standing
checks        what must be so before a move may begin
structure     schema, indexes, sequences, views
replication   rows, and what is written meanwhile
verification  whether both places hold the same
rerouting     how processes learn the new address
mover         the steps in their order
overview      where every logical database is
"""

from blog_app.operations.migrate import MigrationError


class MoveError(MigrationError):
    """A move cannot begin or go on; `str()` says why, how things stand, and what to do."""
