"""Schema migrations: plain peewee-migrate files, run so that they cannot hurt.

One logical database has one folder of files (`migrations/blog/001_….py`), one history (`blog.migrations`) and one
connection, which leads straight to the primary. Nothing here knows Flask; `blog_app.cli.migrate` has the commands.

files        which migrations there are, in which order, and what one says
history      which of them are applied
connection   the direct connection of a run, and its advisory lock
migrator     what a migration file talks to
runner       up, down, status of one logical database
across       the same over several logical databases
"""


class MigrationError(Exception):
    """A migration cannot be run, or failed; `str()` says which, why, and what to do."""
