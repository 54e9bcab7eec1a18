"""Renames and type changes in two releases: expand, later contract.

`expand` adds the new column beside the old one, and a trigger that keeps them equal whichever the code writes. A
backfill fills the new column of older rows. When no running code uses the old column any more, `contract` drops it.
A type change keeps the name: `contract` drops the old column and gives its name to the new one, in one transaction.
"""

from __future__ import annotations

from blog_app.migrate.steps import quoted

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


def expand(
    schema: str, table: str, old: str, new: str, *, new_type: str, forward: str | None, backward: str | None
) -> list[str]:
    """Return the statements that add `new` and keep it equal to `old`.

    `forward` makes the new value from NEW.old and `backward` the old one from NEW.new, both as SQL.
    """
    function = quoted(schema, trigger_name(table, old))
    names = {"old": quoted(old), "new": quoted(new), "function": function}
    names["forward"] = forward or f"NEW.{quoted(old)}"
    names["backward"] = backward or f"NEW.{quoted(new)}"
    return [
        f"ALTER TABLE {quoted(schema, table)} ADD COLUMN {quoted(new)} {new_type}",
        FUNCTION.format(**names).strip(),
        f"CREATE TRIGGER {quoted(trigger_name(table, old))} BEFORE INSERT OR UPDATE ON {quoted(schema, table)} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
    ]


def undo_expand(schema: str, table: str, old: str, new: str) -> list[str]:
    """Return the statements that take `expand` back."""
    return [*_drop_trigger(schema, table, old), f"ALTER TABLE {quoted(schema, table)} DROP COLUMN {quoted(new)}"]


def contract(schema: str, table: str, old: str, new: str, *, keep_name: bool, default: str | None = None) -> list[str]:
    """Return the statements that drop `old`, and with `keep_name` give its name to `new`."""
    statements = [*_drop_trigger(schema, table, old), f"ALTER TABLE {quoted(schema, table)} DROP COLUMN {quoted(old)}"]
    if default:
        statements.append(f"ALTER TABLE {quoted(schema, table)} ALTER COLUMN {quoted(new)} SET DEFAULT {default}")
    if keep_name:
        statements.append(f"ALTER TABLE {quoted(schema, table)} RENAME COLUMN {quoted(new)} TO {quoted(old)}")
    return statements


def trigger_name(table: str, old: str) -> str:
    return f"expand_{table}_{old}"[:63]


def _drop_trigger(schema: str, table: str, old: str) -> list[str]:
    return [
        f"DROP TRIGGER {quoted(trigger_name(table, old))} ON {quoted(schema, table)}",
        f"DROP FUNCTION {quoted(schema, trigger_name(table, old))}()",
    ]
