"""Expand and contract: renames and type changes of a column in two releases.

`Expand` adds the new column beside the old one, and a trigger that keeps both equal, whichever the code writes. A
backfill fills the new column of older rows. When no running code uses the old column any more, `Contract` proves that
every row was filled and drops it. For a type change `Contract` also gives the old name to the new column, in the same
transaction.
"""

from __future__ import annotations

from typing import Any

from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.steps.base import SaveProgress, Step, quoted
from blog_app.operations.migrate.steps.constraints import add_validated

NEW_TYPE = "{column}__new"

# The new column wins in an INSERT, because the old one may hold its default. In an UPDATE the changed one wins; a
# backfill that copies old to new changes nothing else.
FUNCTION = """
CREATE FUNCTION {pair.function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.{pair.new} IS NULL THEN
            NEW.{pair.new} := {forward};
        ELSE
            NEW.{pair.old} := {backward};
        END IF;
    ELSIF NEW.{pair.old} IS DISTINCT FROM OLD.{pair.old} THEN
        NEW.{pair.new} := {forward};
    ELSIF NEW.{pair.new} IS DISTINCT FROM OLD.{pair.new} AND NEW.{pair.new} IS DISTINCT FROM {forward} THEN
        NEW.{pair.old} := {backward};
    END IF;
    RETURN NEW;
END $$
"""


class ColumnPair:
    """An old and a new column of one table, and the trigger that keeps them equal."""

    def __init__(self, schema: str, table: str, old: str, new: str) -> None:
        self.name = f"expand_{table}_{old}"[:63]
        self.table, self.old, self.new = quoted(schema, table), quoted(old), quoted(new)
        self.trigger, self.function = quoted(self.name), quoted(schema, self.name)

    def drop_trigger(self, database: Database) -> None:
        database.send(f"DROP TRIGGER {self.trigger} ON {self.table}")
        database.send(f"DROP FUNCTION {self.function}()")


class Expand(Step):
    """`forward` computes the new value from NEW.old and `backward` the old one from NEW.new, both as SQL."""

    outside_transaction = False

    def __init__(self, pair: ColumnPair, new_type: str, forward: str | None, backward: str | None) -> None:
        self.pair, self.new_type = pair, new_type
        self.forward = forward or f"NEW.{pair.old}"
        self.backward = backward or f"NEW.{pair.new}"

    def __str__(self) -> str:
        return f"expand {self.pair.table}.{self.pair.old} to {self.pair.new} {self.new_type}"

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        pair = self.pair
        database.send(f"ALTER TABLE {pair.table} ADD COLUMN {pair.new} {self.new_type}")
        database.send(FUNCTION.format(pair=pair, forward=self.forward, backward=self.backward).strip())
        database.send(
            f"CREATE TRIGGER {pair.trigger} BEFORE INSERT OR UPDATE ON {pair.table} "
            f"FOR EACH ROW EXECUTE FUNCTION {pair.function}()"
        )


class UndoExpand(Step):
    outside_transaction = False

    def __init__(self, pair: ColumnPair) -> None:
        self.pair = pair

    def __str__(self) -> str:
        return f"take back the expansion of {self.pair.table}.{self.pair.old} to {self.pair.new}"

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        self.pair.drop_trigger(database)
        database.send(f"ALTER TABLE {self.pair.table} DROP COLUMN {self.pair.new}")


class Contract(Step):
    """Drop the old column; with `keep_name` the new one gets its name and `default` (an SQL expression)."""

    def __init__(self, pair: ColumnPair, *, keep_name: bool, default: str | None = None) -> None:
        self.pair, self.keep_name, self.default = pair, keep_name, default

    def __str__(self) -> str:
        return f"contract {self.pair.table}.{self.pair.old} and {self.pair.new}"

    def run(self, database: Database, progress: Any, save_progress: SaveProgress) -> None:
        pair = self.pair
        if progress:
            return  # `swap` has happened: it saves its progress in its transaction.
        # Proved before anything is dropped: the trigger fills new rows, the backfill has filled older ones.
        check = f"{pair.name}_filled"[:63]
        filled = f"{pair.old} IS NULL OR {pair.new} IS NOT NULL"
        add_validated(database, pair.table, check, f"CHECK ({filled})", f"NOT ({filled})")

        def swap() -> None:
            with database.atomic():
                pair.drop_trigger(database)
                if self.default:
                    database.send(f"ALTER TABLE {pair.table} ALTER COLUMN {pair.new} SET DEFAULT {self.default}")
                database.send(f"ALTER TABLE {pair.table} DROP COLUMN {pair.old}")
                if self.keep_name:
                    database.send(f"ALTER TABLE {pair.table} RENAME COLUMN {pair.new} TO {pair.old}")
                save_progress(None, 0)

        database.retry_on_lock_timeout(swap, str(self))
