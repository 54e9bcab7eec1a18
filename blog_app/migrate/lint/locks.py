"""Which lock a statement takes on which table, after PostgreSQL's manual (chapter "Explicit Locking")."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from blog_app.migrate.lint import names
from blog_app.migrate.lint.names import Name
from blog_app.migrate.lint.syntax import Node

ACCESS_SHARE, ROW_EXCLUSIVE = "ACCESS SHARE", "ROW EXCLUSIVE"
SHARE_UPDATE_EXCLUSIVE, SHARE, SHARE_ROW_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE"
EXCLUSIVE, ACCESS_EXCLUSIVE = "EXCLUSIVE", "ACCESS EXCLUSIVE"

MEANING = {
    ACCESS_SHARE: "stops nobody",
    ROW_EXCLUSIVE: "stops nobody but who changes the same rows",
    SHARE_UPDATE_EXCLUSIVE: "stops neither reads nor writes",
    SHARE: "stops writes",
    SHARE_ROW_EXCLUSIVE: "stops writes",
    EXCLUSIVE: "stops writes",
    ACCESS_EXCLUSIVE: "stops reads and writes",
}
BY_STATEMENT = {
    "SELECT": ACCESS_SHARE,
    "INSERT": ROW_EXCLUSIVE,
    "UPDATE": ROW_EXCLUSIVE,
    "DELETE": ROW_EXCLUSIVE,
    "MERGE": ROW_EXCLUSIVE,
    "COPY": ROW_EXCLUSIVE,
    "ANALYZE": SHARE_UPDATE_EXCLUSIVE,
    "VACUUM": SHARE_UPDATE_EXCLUSIVE,
    "COMMENT_ON": SHARE_UPDATE_EXCLUSIVE,
    "CREATE_STATISTICS": SHARE_UPDATE_EXCLUSIVE,
    "CREATE_TRIGGER": SHARE_ROW_EXCLUSIVE,
    "CREATE_RULE": ACCESS_EXCLUSIVE,
    "CREATE_POLICY": ACCESS_EXCLUSIVE,
    "DROP_TRIGGER": ACCESS_EXCLUSIVE,
    "DROP_TABLE": ACCESS_EXCLUSIVE,
    "TRUNCATE": ACCESS_EXCLUSIVE,
    "CLUSTER": ACCESS_EXCLUSIVE,
    "LOCK": ACCESS_EXCLUSIVE,
    "REFRESH": ACCESS_EXCLUSIVE,
}
# Parts of ALTER TABLE that need less than the strongest lock.
MILD_CHANGES = {
    "VALIDATE_CONSTRAINT": SHARE_UPDATE_EXCLUSIVE,
    "SET_OPTIONS": SHARE_UPDATE_EXCLUSIVE,
    "ATTACH_PARTITION": SHARE_UPDATE_EXCLUSIVE,
    "DISABLE_TRIGGER": SHARE_ROW_EXCLUSIVE,
    "ENABLE_TRIGGER": SHARE_ROW_EXCLUSIVE,
}
NO_ACTION = ("TABLE_RELATION_NAME", "IF_EXISTS", "WHITESPACE", "COMMA", "SEMICOLON", "COMMENT")
STRENGTH = list(MEANING)
QUIET = (ACCESS_SHARE, ROW_EXCLUSIVE)
"""What a read or a write takes itself."""


class Lock(NamedTuple):
    table: Name
    mode: str


def stops_all(lock: Lock, new: Collection[Name]) -> bool:
    """Return whether the lock keeps everybody out of a table that is in use; `new` are those that are not yet."""
    return lock.mode == ACCESS_EXCLUSIVE and lock.table not in new


def taken(statement: Node) -> list[Lock]:
    """Return the locks on tables that a statement takes, the strongest on each."""
    found: dict[Name, str] = {}
    for lock in _taken(statement):
        if STRENGTH.index(lock.mode) > STRENGTH.index(found.get(lock.table, ACCESS_SHARE)) or lock.table not in found:
            found[lock.table] = lock.mode
    return [Lock(table, mode) for table, mode in found.items()]


def _taken(statement: Node) -> Iterator[Lock]:
    tables = names.objects(statement) if statement.kind == "REFRESH" else names.tables(statement)
    if statement.kind == "CREATE_TABLE":
        for constraint in statement.all("REFERENCES_CONSTRAINT", "FOREIGN_KEY_CONSTRAINT"):
            yield from (Lock(table, SHARE_ROW_EXCLUSIVE) for table in names.tables(constraint))
        for parent in statement.all("PARTITION_OF"):
            yield from (Lock(table, ACCESS_EXCLUSIVE) for table in names.tables(parent))
        return
    if not tables:
        return
    first, *others = tables
    if statement.kind == "ALTER_TABLE":
        yield Lock(first, _of_alter(statement))
        for constraint in statement.all("REFERENCES_CONSTRAINT", "FOREIGN_KEY_CONSTRAINT"):
            yield from (Lock(table, SHARE_ROW_EXCLUSIVE) for table in names.tables(constraint))
        for change in statement.all("ATTACH_PARTITION", "DETACH_PARTITION"):
            yield from (Lock(table, ACCESS_EXCLUSIVE) for table in names.tables(change))
    elif statement.kind in ("CREATE_INDEX", "REINDEX"):
        yield Lock(first, SHARE_UPDATE_EXCLUSIVE if statement.has("CONCURRENTLY_KW") else SHARE)
    elif statement.kind == "VACUUM" and statement.has("FULL_KW"):
        yield from (Lock(table, ACCESS_EXCLUSIVE) for table in tables)
    elif statement.kind == "REFRESH" and statement.has("CONCURRENTLY_KW"):
        yield Lock(first, EXCLUSIVE)
    elif statement.kind in ("DROP_TABLE", "TRUNCATE", "LOCK"):
        yield from (Lock(table, BY_STATEMENT[statement.kind]) for table in tables)
    else:
        yield Lock(first, BY_STATEMENT.get(statement.kind, ACCESS_SHARE))
        yield from (Lock(table, ACCESS_SHARE) for table in others)


def _of_alter(statement: Node) -> str:
    actions = [part for part in statement.parts if part.kind not in NO_ACTION and not part.kind.endswith("_KW")]
    return max((_of_action(action) for action in actions), key=STRENGTH.index, default=ACCESS_EXCLUSIVE)


def _of_action(action: Node) -> str:
    if action.kind == "ADD_CONSTRAINT" and action.has("FOREIGN_KEY_CONSTRAINT"):
        return SHARE_ROW_EXCLUSIVE
    if action.kind == "ALTER_COLUMN" and action.has("SET_STATISTICS"):
        return SHARE_UPDATE_EXCLUSIVE
    return MILD_CHANGES.get(action.kind, ACCESS_EXCLUSIVE)
