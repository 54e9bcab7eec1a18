"""Renames and type changes in two releases: expand, later contract.

`Expand` adds the new column beside the old one, and a trigger that keeps them equal whichever the code writes. A
backfill fills the new column of older rows. When no running code uses the old column any more, `Contract` proves that
every row was filled and drops it. A type change keeps the name: `Contract` drops the old column and gives its name to
the new one, in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from blog_app.operations.migrate.database import Database
from blog_app.operations.migrate.steps.base import Step, quoted
from blog_app.operations.migrate.steps.constraints import add_validated

NEW_TYPE = "{column}__new"

# The new column wins in an INSERT, because the old one may hold its default. In an UPDATE the changed one wins; a
# backfill that copies old to new changes nothing else.
FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.{new} IS NULL THEN
            NEW.{new} := {forward};
        ELSE
            NEW.{old} := {backward};
        END IF;
    ELSIF NEW.{old} IS DISTINCT FROM OLD.{old} THEN
        NEW.{new} := {forward};
    ELSIF NEW.{new} IS DISTINCT FROM OLD.{new} AND NEW.{new} IS DISTINCT FROM {forward} THEN
        NEW.{old} := {backward};
    END IF;
    RETURN NEW;
END $$
"""


class Pair:
    """An old and a new column of one table, and the trigger between them."""

    def __init__(self, schema: str, table: str, old: str, new: str) -> None:
        self.name = f"expand_{table}_{old}"[:63]
        self.table, self.old, self.new = quoted(schema, table), quoted(old), quoted(new)
        self.trigger, self.function = quoted(self.name), quoted(schema, self.name)

    def drop_trigger(self) -> list[str]:
        return [f"DROP TRIGGER {self.trigger} ON {self.table}", f"DROP FUNCTION {self.function}()"]


class Expand(Step):
    """`forward` makes the new value from NEW.old and `backward` the old one from NEW.new, both as SQL."""

    outside_transaction = False

    def __init__(self, pair: Pair, new_type: str, forward: str | None, backward: str | None) -> None:
        self.pair, self.new_type = pair, new_type
        self.forward = forward or f"NEW.{pair.old}"
        self.backward = backward or f"NEW.{pair.new}"

    def __str__(self) -> str:
        return f"expand {self.pair.table}.{self.pair.old} to {self.pair.new} {self.new_type}"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        pair = self.pair
        database.send(f"ALTER TABLE {pair.table} ADD COLUMN {pair.new} {self.new_type}")
        names = {"old": pair.old, "new": pair.new, "function": pair.function}
        database.send(FUNCTION.format(**names, forward=self.forward, backward=self.backward).strip())
        database.send(
            f"CREATE TRIGGER {pair.trigger} BEFORE INSERT OR UPDATE ON {pair.table} "
            f"FOR EACH ROW EXECUTE FUNCTION {pair.function}()"
        )


class UndoExpand(Step):
    outside_transaction = False

    def __init__(self, pair: Pair) -> None:
        self.pair = pair

    def __str__(self) -> str:
        return f"take back the expansion of {self.pair.table}.{self.pair.old} to {self.pair.new}"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        for statement in self.pair.drop_trigger():
            database.send(statement)
        database.send(f"ALTER TABLE {self.pair.table} DROP COLUMN {self.pair.new}")


class Contract(Step):
    """Drops the old column; with `keep_name` the new one gets its name, and `default` (an SQL expression)."""

    def __init__(self, pair: Pair, *, keep_name: bool, default: str | None = None) -> None:
        self.pair, self.keep_name, self.default = pair, keep_name, default

    def __str__(self) -> str:
        return f"contract {self.pair.table}.{self.pair.old} and {self.pair.new}"

    def run(self, database: Database, progress: Any, note: Callable[[Any, int], None]) -> None:
        pair = self.pair
        if progress:
            return  # `swap` has happened: it notes that in its transaction.
        # The trigger fills new rows and the backfill has filled older ones: proved before anything is dropped.
        check = f"{pair.name}_filled"[:63]
        filled, unfilled = (
            f"{pair.old} IS NULL OR {pair.new} IS NOT NULL",
            f"{pair.old} IS NOT NULL AND {pair.new} IS NULL",
        )
        add_validated(database, pair.table, check, f"CHECK ({filled})", unfilled)

        def swap() -> None:
            with database.atomic():
                for statement in pair.drop_trigger():
                    database.send(statement)
                if self.default:
                    database.send(f"ALTER TABLE {pair.table} ALTER COLUMN {pair.new} SET DEFAULT {self.default}")
                database.send(f"ALTER TABLE {pair.table} DROP COLUMN {pair.old}")
                if self.keep_name:
                    database.send(f"ALTER TABLE {pair.table} RENAME COLUMN {pair.new} TO {pair.old}")
                note(None, 0)

        database.patiently(swap, str(self))
