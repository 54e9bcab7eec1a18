"""Moving a logical database from one PostgreSQL server, the source, to another, the target, while the app serves.

Guarantees, whatever process is killed at whatever time:

* No acknowledged write is lost, and no write is made on both servers.
* At any time at most one server accepts writes. Writes are refused, with 503 and `Retry-After`, for a few seconds;
  reads go on all the time where PgBouncer redirects the processes (or all get a new address together).
* Once the target accepts writes, the source shows nothing any more: no read by a process that still has the old address
  is older than an acknowledged write. Responses cached at the source are never used for the target.
* The next run continues a killed one. Until the switch, `--abort` rolls it back; after it, `--back` returns to the
  source with everything written since; `--confirm` ends the move.

Each server's standing is recorded in its own database (`state`), and changes in one transaction with what it describes:

    source     target
    serving    receiving   the copy is running, or writes are refused for a moment      run again, or --abort
    left       receiving   switched: the target is about to accept writes               run again
    left       serving     moved                                                        --confirm or --back
    receiving  serving     moving back: what was written since is being copied          --back again, or --abort
    receiving  left        switched: the source is about to accept writes               --back again
    serving    left        back: the rest of the move is being removed                  --back again

A server starts to serve only after the other was left, and it is left only after every committed write has arrived at
the other, which is verified. Every step between is done if it has not been done yet.

The switch, after the copy has caught up and both servers hold the same (`verification`):

1. *Freeze*: fence all tables of the source, in one transaction that waits for running writers. It also closes the
   epoch of the watermarks and writes a marker. The fence expires: if this process dies, writes go on by themselves.
2. The marker arrives at the target, and so does everything before it. Sequences, materialized views and small tables
   are copied and compared again. Meanwhile every lease on the old epoch ends: no process trusts what is cached.
3. *Extend the freeze*: the fence no longer expires, unless it has already. Processes are redirected to the target,
   which is fenced too: they read the same on both servers.
4. *Leave*: the schema at the source is renamed. Nobody reads or writes there any more.
5. *Accept writes*: the fence of the target is lifted.

The way back is a replication slot that is created at the target before it serves, and retains what is written there. So
the log of the target grows until the move is confirmed (`flask databases` shows by how much). On the way back the
schema at the source is visible again, still fenced, while it catches up: a process that has had only the source's
address all the time, and got nothing but 503, reads old rows in that time.

Without logical replication (`wal_level`, privileges), use `--offline`: writes are refused while pg_dump and pg_restore
copy all rows.

Not guaranteed: schema changes during a move are detected but not copied (the app makes none); large objects are not
copied; roles with `session_replication_role = replica` pass the fence; rows deleted at the target remain at the source,
hidden, until the move is confirmed.

state         the record of the move
fence         a logical database on one server, and its write fence
replication   the initial copy of rows, and the changes made meanwhile
structure     schema, indexes, sequences, views
verification  whether both servers hold the same
redirection   how processes get the new address
checks        the preconditions of a move
mover         the steps, in order
session       connections, locks and record of a run; the end of a move whose other server is lost
overview      the status of every logical database
"""

from blog_app.operations.migrate import MigrationError


class MoveError(MigrationError):
    """A move cannot start or continue; `str()` says why, what the state is, and what to do."""
