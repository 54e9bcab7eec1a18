"""What a lint rule knows besides its statement: which tables are new, locked, and what the statements before it did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from blog_app.operations.migrate.catalog import Schema
from blog_app.operations.migrate.lint import known_schema, lock_modes, names
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node

SYSTEM_SCHEMAS = ("pg_catalog", "information_schema")
CREATES_TABLE = ("CREATE_TABLE", "CREATE_TABLE_AS", "CREATE_FOREIGN_TABLE", "CREATE_MATERIALIZED_VIEW", "SELECT_INTO")


class Function(NamedTuple):
    """What is known of the functions of one name."""

    may_write: bool = True
    is_stored: bool = False
    """Whether an index or a constraint has stored or checked values by it."""


@dataclass(frozen=True)
class Effects:
    """What PostgreSQL does to tables and indexes that were there before a statement, as a trial run shows."""

    rewritten: frozenset[str] = frozenset()
    scanned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """What a rule knows besides the statement."""

    database: str
    new: frozenset[Name] = frozenset()
    """Tables that the migration has created, under their present names; nobody uses them yet."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """The approximate number of rows of each table, if there is a live database."""
    locked: tuple[str, ...] = ()
    """Tables in use that an earlier statement of the same transaction has locked against reads or writes."""
    alone: bool = True
    """Whether it is the only statement of its transaction."""
    schema: Schema = field(default_factory=dict)
    """The schema before the statement, as far as it is known."""
    replaced: frozenset[object] = frozenset()
    """What the transaction drops and creates again (`rollbacks.SchemaObject`)."""
    index_tables: Mapping[str, str] = field(default_factory=dict)
    """The table of each index that was there before the migration, as far as it is known."""
    functions: Mapping[str, Function] = field(default_factory=dict)
    """The functions that are not PostgreSQL's own, if there is a live database."""
    full_defaults: frozenset[str] = frozenset()
    """The partitioned tables whose DEFAULT partition has rows, if there is a live database."""
    earlier: tuple[Node, ...] = ()
    """The statements of the migration before this one."""
    effects: Effects | None = None
    """What the statement does, if there is a live database and it could be tried there."""

    def in_use(self, statement: Node) -> list[Name]:
        """Return the tables in use that the statement names."""
        return [name for name in names.tables(statement) if name not in self.new and name.schema not in SYSTEM_SCHEMAS]

    def after(self, statement: Node) -> Context:
        """Return what a rule knows about the next statement of the transaction."""
        new, taken = self.new.union(self.created_by(statement)), lock_modes.locks_of(statement)
        locked = dict.fromkeys(self.locked)
        locked |= {lock.table.name: None for lock in taken if lock_modes.blocks_writes(lock, new)}
        return replace(
            self,
            new=frozenset(self._new_after(statement)),
            locked=tuple(locked),
            schema=known_schema.after(self.schema, statement),
            earlier=(*self.earlier, statement),
        )

    def created_by(self, statement: Node) -> list[Name]:
        """Return the tables that a statement creates, but not those that IF NOT EXISTS may find."""
        if statement.kind not in CREATES_TABLE:
            return []
        into = statement.part("INTO_CLAUSE") or statement
        name = names.objects(into)[0]
        # Without a live database nobody knows whether IF NOT EXISTS finds one.
        may_exist = statement.has("IF_NOT_EXISTS") and (name.name in self.schema or not self.rows)
        return [] if may_exist else [name]

    def _new_after(self, statement: Node) -> Iterator[Name]:
        gone = names.tables(statement) if statement.kind == "DROP_TABLE" else []
        if statement.kind == "ALTER_TABLE" and (rename := next(statement.all("TABLE_RENAME_TO"), None)):
            old = names.tables(statement)[:1]
            gone += old
            yield from (Name(name.schema, names.parts(rename.parts[-1])[-1]) for name in old if name in self.new)
        yield from (name for name in self.new if name not in gone)
        yield from self.created_by(statement)


def contexts(
    first: Context, parsed: Sequence[Sequence[Node]], *, atomic: bool, effects: Sequence[Effects | None] = ()
) -> Iterator[list[Context]]:
    """Yield for each text the contexts of its statements; `effects` are those of all statements in their order."""
    context, tried = first, iter(effects)
    for nodes in parsed:
        found = []
        if not atomic:  # Each text is a transaction.
            context = replace(context, locked=(), alone=len(nodes) == 1)
        for node in nodes:
            found.append(replace(context, effects=next(tried, None)))
            context = context.after(node)
        yield found
