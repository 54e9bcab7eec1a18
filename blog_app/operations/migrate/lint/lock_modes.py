"""Lock modes: which lock a statement takes on which table (PostgreSQL manual, chapter "Explicit Locking")."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.names import Name
from blog_app.operations.migrate.lint.syntax import Node

ACCESS_SHARE, ROW_SHARE, ROW_EXCLUSIVE = "ACCESS SHARE", "ROW SHARE", "ROW EXCLUSIVE"
SHARE_UPDATE_EXCLUSIVE, SHARE, SHARE_ROW_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"
EXCLUSIVE, ACCESS_EXCLUSIVE = "EXCLUSIVE", "ACCESS EXCLUSIVE"

EFFECTS = {
    ACCESS_SHARE: "blocks nothing",
    ROW_SHARE: "blocks only changes of the same rows",
    ROW_EXCLUSIVE: "blocks only changes of the same rows",
    SHARE_UPDATE_EXCLUSIVE: "blocks neither reads nor writes",
    SHARE: "blocks writes",
    SHARE_ROW_EXCLUSIVE: "blocks writes",
    EXCLUSIVE: "blocks writes",
    ACCESS_EXCLUSIVE: "blocks reads and writes",
}
BY_STATEMENT = {
    "COPY": ROW_EXCLUSIVE,
    "CREATE_TRIGGER": SHARE_ROW_EXCLUSIVE,
    **dict.fromkeys(("ANALYZE", "VACUUM", "COMMENT_ON", "CREATE_STATISTICS"), SHARE_UPDATE_EXCLUSIVE),
    **dict.fromkeys(("CREATE_RULE", "DROP_RULE", "CREATE_POLICY", "ALTER_POLICY", "DROP_POLICY"), ACCESS_EXCLUSIVE),
    **dict.fromkeys(("TRUNCATE", "CLUSTER", "LOCK", "DROP_TABLE", "DROP_TRIGGER", "ALTER_TRIGGER"), ACCESS_EXCLUSIVE),
}
WRITES = ("INSERT", "UPDATE", "DELETE", "MERGE")
# Statements that may contain such a write.
WRITING = (*WRITES, "SELECT", "TABLE", "EXPLAIN", "CREATE_TABLE_AS", "SELECT_INTO")
# Statements on an object that is not a table: the kind of object, and the lock on it.
OTHER_OBJECTS = {
    "DROP_VIEW": ("VIEW_REF", "view", ACCESS_EXCLUSIVE),
    "ALTER_VIEW": ("VIEW_REF", "view", ACCESS_EXCLUSIVE),
    "DROP_MATERIALIZED_VIEW": ("VIEW_REF", "", ACCESS_EXCLUSIVE),
    "ALTER_MATERIALIZED_VIEW": ("VIEW_REF", "", ACCESS_EXCLUSIVE),
    "REFRESH": ("VIEW_REF", "", ACCESS_EXCLUSIVE),
    "DROP_SEQUENCE": ("SEQUENCE_REF", "sequence", ACCESS_EXCLUSIVE),
    "ALTER_SEQUENCE": ("SEQUENCE_REF", "sequence", SHARE_ROW_EXCLUSIVE),
    "ALTER_INDEX": ("INDEX_REF", "index", SHARE_UPDATE_EXCLUSIVE),
}
# Parts of CREATE TABLE and ALTER TABLE that lock another table.
OTHER_TABLES = {
    **dict.fromkeys(("REFERENCES_CONSTRAINT", "FOREIGN_KEY_CONSTRAINT"), SHARE_ROW_EXCLUSIVE),
    **dict.fromkeys(("PARTITION_OF", "ATTACH_PARTITION", "DETACH_PARTITION"), ACCESS_EXCLUSIVE),
    **dict.fromkeys(("INHERITS", "INHERIT_TABLE", "NO_INHERIT_TABLE"), SHARE_UPDATE_EXCLUSIVE),
    "LIKE_CLAUSE": ACCESS_SHARE,
}
# Actions of ALTER TABLE that take less than the strongest lock.
WEAKER_ACTIONS = dict.fromkeys(
    ("VALIDATE_CONSTRAINT", "SET_OPTIONS", "RESET_OPTIONS", "CLUSTER_ON", "ATTACH_PARTITION"), SHARE_UPDATE_EXCLUSIVE
) | dict.fromkeys(("DISABLE_TRIGGER", "ENABLE_TRIGGER"), SHARE_ROW_EXCLUSIVE)
NO_ACTION = ("TABLE_RELATION_NAME", "IF_EXISTS", "WHITESPACE", "COMMA", "SEMICOLON", "COMMENT")
STRENGTH = list(EFFECTS)


class Lock(NamedTuple):
    table: Name
    mode: str
    kind: str = ""
    """The kind of object, if it is not a table."""

    def __str__(self) -> str:
        return f"{self.mode} on {f'{self.kind} ' if self.kind else ''}{self.table.name}"


class Reference(NamedTuple):
    """A foreign key: dropping it, or its table, locks the referenced table as well."""

    table: str
    constraint: str
    columns: Collection[str]
    other: str


@dataclass(frozen=True)
class Catalog:
    """What only a live database knows about the tables of a statement."""

    tables: Mapping[str, str] = field(default_factory=dict)
    """The table of each index."""
    references: Collection[Reference] = ()


def blocks_writes(lock: Lock, new: Collection[Name]) -> bool:
    """Return whether the lock blocks at least the writes of a table in use; `new` tables are not in use yet."""
    return STRENGTH.index(lock.mode) >= STRENGTH.index(SHARE) and not lock.kind and lock.table not in new


def locks_of(statement: Node, catalog: Catalog = Catalog()) -> list[Lock]:
    """Return the locks that a statement takes, the strongest on each table."""
    found: dict[Name, Lock] = {}
    for lock in _taken(statement, catalog):
        found[lock.table] = max(found.get(lock.table, lock), lock, key=lambda lock: STRENGTH.index(lock.mode))
    return list(found.values())


def _taken(statement: Node, catalog: Catalog) -> Iterator[Lock]:
    kind, tables = statement.kind, names.tables(statement)
    if kind in ("DROP_INDEX", "REINDEX") and statement.has("INDEX_REF"):
        yield from _of_indexes(statement, catalog)
    elif kind in OTHER_OBJECTS or (kind == "CREATE_VIEW" and statement.has("OR_REPLACE")):
        yield from _of_other_objects(statement)
    elif kind == "CREATE_TABLE":
        yield from _of_other_tables(statement)
    elif kind == "ALTER_TABLE" and tables:
        yield from _of_alter(statement, tables[0], catalog)
    elif kind in ("CREATE_INDEX", "REINDEX"):
        yield from (Lock(table, _of_index(statement)) for table in tables)
    elif kind in WRITING:
        for write in (statement, *statement.all(*WRITES)):
            if write.kind in WRITES and (target := names.target(write)):
                yield Lock(target, ROW_EXCLUSIVE)
        yield from (Lock(table, ROW_SHARE if statement.has("LOCKING_CLAUSE") else ACCESS_SHARE) for table in tables)
    elif kind in ("DROP_TABLE", "TRUNCATE", "LOCK", "VACUUM", "ANALYZE"):
        yield from (Lock(table, _of_whole_table(statement)) for table in tables)
        yield from _of_references(catalog, tables if kind == "DROP_TABLE" else ())
    elif kind in BY_STATEMENT:
        columns = [names.parts(column)[-3:-1] for column in statement.all("QUALIFIED_COLUMN_NAME_REF")]
        tables += [Name(*words) for words in columns if len(words) == len(Name._fields)]
        yield from (Lock(table, BY_STATEMENT[kind]) for table in tables[:1])
        yield from (Lock(table, ACCESS_SHARE) for table in tables[1:])
    elif kind != "GRANT":
        yield from (Lock(table, ACCESS_SHARE) for table in tables)


def _of_indexes(statement: Node, catalog: Catalog) -> Iterator[Lock]:
    for index in filter(None, map(names.name_of, statement.all("INDEX_REF"))):
        table = catalog.tables.get(index.name)
        yield Lock(Name(index.schema, table or index.name), _of_index(statement), "" if table else "the table of index")


def _of_index(statement: Node) -> str:
    if statement.has("CONCURRENTLY_KW"):
        return SHARE_UPDATE_EXCLUSIVE
    return ACCESS_EXCLUSIVE if statement.kind == "DROP_INDEX" else SHARE


def _of_other_objects(statement: Node) -> Iterator[Lock]:
    node, kind, mode = OTHER_OBJECTS.get(statement.kind, ("VIEW", "view", ACCESS_EXCLUSIVE))
    if statement.kind == "REFRESH" and statement.has("CONCURRENTLY_KW"):
        mode = EXCLUSIVE
    if statement.kind == "ALTER_INDEX" and statement.has("SET_TABLESPACE"):
        mode = ACCESS_EXCLUSIVE
    yield from (Lock(name, mode, kind) for name in map(names.name_of, statement.all(node)) if name)
    yield from (Lock(table, ACCESS_SHARE) for table in names.tables(statement))


def _of_other_tables(statement: Node) -> Iterator[Lock]:
    for part in statement.all(*OTHER_TABLES):
        yield from (Lock(other, OTHER_TABLES[part.kind]) for other in names.tables(part))


def _of_whole_table(statement: Node) -> str:
    if statement.kind == "VACUUM" and statement.has("FULL_KW"):
        return ACCESS_EXCLUSIVE
    mode = next(statement.all("LOCK_MODE_CLAUSE"), None)
    return " ".join(mode.text.upper().split()[1:-1]) if mode else BY_STATEMENT[statement.kind]


def _of_references(catalog: Catalog, tables: Sequence[Name], dropped: Collection[str] | None = None) -> Iterator[Lock]:
    """Yield the locks on the tables that dropped foreign keys refer to; `dropped`: constraints or columns."""
    for reference in catalog.references:
        for table in tables:
            if table.name == reference.table and (
                dropped is None or not {reference.constraint, *reference.columns}.isdisjoint(dropped)
            ):
                yield Lock(Name(table.schema, reference.other), ACCESS_EXCLUSIVE)


def _of_alter(statement: Node, table: Name, catalog: Catalog) -> Iterator[Lock]:
    actions = [part for part in statement.parts if part.kind not in NO_ACTION and not part.kind.endswith("_KW")]
    yield Lock(table, max(map(_of_action, actions), key=STRENGTH.index, default=ACCESS_EXCLUSIVE))
    yield from _of_other_tables(statement)
    for drop in statement.all("DROP_CONSTRAINT", "DROP_COLUMN"):
        dropped = [names.parts(name)[-1] for name in drop.all("CONSTRAINT_NAME_REF", "COLUMN_NAME_REF")]
        yield from _of_references(catalog, [table], dropped)


def _of_action(action: Node) -> str:
    if action.kind == "ADD_CONSTRAINT" and action.has("FOREIGN_KEY_CONSTRAINT"):
        return SHARE_ROW_EXCLUSIVE
    if action.kind == "ALTER_COLUMN" and action.has("SET_STATISTICS", "SET_OPTIONS", "RESET_OPTIONS"):
        return SHARE_UPDATE_EXCLUSIVE
    if action.kind == "DETACH_PARTITION" and action.has("DETACH_CONCURRENTLY", "DETACH_FINALIZE"):
        return SHARE_UPDATE_EXCLUSIVE
    return WEAKER_ACTIONS.get(action.kind, ACCESS_EXCLUSIVE)
