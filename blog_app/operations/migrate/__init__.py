"""Schema migrations: peewee-migrate files, checked before they run and run without blocking the app.

One logical database has one folder of files (`migrations/blog/001_….py`), one history (`blog.migrations`) and one
connection, which leads straight to the primary. Nothing here knows Flask; `blog_app.cli.migrate` has the commands.

catalog                  the schema of a live database
files, history, status   which migrations there are, which of them are applied, which are pending
connection, lock_retry   the direct connection of a run; short waits for locks, tried again
migrator, steps/         what a migration file talks to, and the steps for tables in use
runner, all_databases    up and down of one logical database, and of several in turn
preview, lint/, plan     what a migration would send, the dangers in it, its locks
trial                    what PostgreSQL itself does for it, on empty copies of the tables
transaction_watch        the bounds of one transaction, measured before its commit
schema/                  schemas read, built and compared (drift)
autogenerate/            new migration files
"""


class MigrationError(Exception):
    """A migration cannot be run, or failed; `str()` says which, why, and what to do."""
