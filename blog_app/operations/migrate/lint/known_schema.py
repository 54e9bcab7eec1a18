"""The schema that a statement meets, as far as it is known: the live one, or what the statements before it have made.

What only Python code makes is unknown here, and a rule refuses what it cannot prove to be harmless.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy

from blog_app.operations.migrate.catalog import Column, Schema, Table
from blog_app.operations.migrate.lint import names
from blog_app.operations.migrate.lint.syntax import Node

NOT_VALID = re.compile(r"\s+NOT\s+VALID\b", re.I)
CONSTRAINTS = {
    "CHECK_CONSTRAINT": "check",
    "FOREIGN_KEY_CONSTRAINT": "fkey",
    "REFERENCES_CONSTRAINT": "fkey",
    "UNIQUE_CONSTRAINT": "key",
    "PRIMARY_KEY_CONSTRAINT": "pkey",
    "EXCLUDE_CONSTRAINT": "excl",
    "NOT_NULL_CONSTRAINT": "not_null",
}
"""The nodes of constraints, and how PostgreSQL ends the name of one that has none."""


def after(schema: Schema, statement: Node) -> Schema:
    """Return the schema after a statement; `schema` itself stays as it is."""
    change = CHANGES.get(statement.kind)
    if change is None:
        return schema
    changed = dict(schema)
    change(changed, statement)
    return changed


def type_of(column: Node) -> str:
    """Return the type in a column or a SET TYPE, as it is written; empty if there is none."""
    found = [part.text for part in column.parts if part.kind.endswith("_TYPE")]
    collation = column.part("COLLATE")
    return " ".join([*found[:1], *([collation.text] if collation else [])])


def _create_table(schema: Schema, statement: Node) -> None:
    name = names.objects(statement)[0].name
    if name in schema and statement.has("IF_NOT_EXISTS"):
        return
    table = Table(kind="materialized view" if statement.kind == "CREATE_MATERIALIZED_VIEW" else "table")
    for source in (other for part in statement.all("LIKE_CLAUSE", "PARTITION_OF") for other in names.tables(part)):
        table.columns |= schema[source.name].columns if source.name in schema else {}
    for part in (*statement.all("TABLE_ARG_LIST"), statement):
        for node in part.parts:
            if node.kind == "COLUMN":
                _add_column(table, name, node)
            elif node.kind in CONSTRAINTS:
                _add_constraint(table, name, node)
    if by := statement.part("PARTITION_BY"):
        table.partitioning["by"] = by.text
    schema[name] = table


def _add_column(table: Table, table_name: str, node: Node) -> None:
    column = names.parts(next(node.all("COLUMN_NAME")))[-1]
    if column in table.columns and node.part("IF_NOT_EXISTS"):
        return
    table.columns[column] = Column(type_of(node), False, None, "")
    for constraint in node.parts:
        if constraint.kind in CONSTRAINTS:
            _add_constraint(table, table_name, constraint, column)


def _add_constraint(table: Table, table_name: str, node: Node, column: str = "") -> None:
    columns = [column] if column else [names.parts(ref)[-1] for ref in node.all("COLUMN_NAME_REF")]
    given = next(node.all("CONSTRAINT_NAME"), None)
    about = columns or sorted({names.parts(ref)[-1] for ref in node.all("NAME_REF")})
    if node.kind == "PRIMARY_KEY_CONSTRAINT" or len(about) != 1:
        about = []
    name = names.parts(given)[-1] if given else "_".join([table_name, *about, CONSTRAINTS[node.kind]])
    valid = not node.has("NOT_VALID", "NOT_ENFORCED")
    if node.kind in ("PRIMARY_KEY_CONSTRAINT", "NOT_NULL_CONSTRAINT") and valid:
        for key in columns:
            _set_not_null(table, key, True)
    table.constraints[name] = "".join(part.text for part in node.parts if part.kind != "CONSTRAINT_NAME_CLAUSE").strip()


def _set_not_null(table: Table, name: str, not_null: bool) -> None:
    if old := table.columns.get(name):
        table.columns[name] = Column(old.type, not_null, old.default, old.generated)


def _alter_table(schema: Schema, statement: Node) -> None:
    tables = names.tables(statement)
    if not tables or tables[0].name not in schema:
        return
    name = tables[0].name
    table = schema[name] = deepcopy(schema[name])
    for action in statement.parts:
        found = [names.parts(ref)[-1] for ref in action.all("COLUMN_NAME_REF", "CONSTRAINT_NAME_REF")]
        if action.kind == "ADD_COLUMN":
            _add_column(table, name, action)
        elif action.kind == "ADD_CONSTRAINT":
            _add_constraint(table, name, next(action.all(*CONSTRAINTS), action))
        elif action.kind == "ALTER_COLUMN":
            _alter_column(table, found[0], action)
        elif action.kind == "DROP_COLUMN":
            _drop_column(table, found[0])
        elif action.kind == "DROP_CONSTRAINT":
            table.constraints.pop(found[0], None)
        elif action.kind == "VALIDATE_CONSTRAINT" and found[0] in table.constraints:
            table.constraints[found[0]] = NOT_VALID.sub("", table.constraints[found[0]])
        elif action.kind == "RENAME_COLUMN":
            _rename_column(table, found[0], names.parts(next(action.all("COLUMN_NAME")))[-1])
        elif action.kind == "RENAME_CONSTRAINT" and found[0] in table.constraints:
            new = names.parts(next(action.all("CONSTRAINT_NAME")))[-1]
            table.constraints[new] = table.constraints.pop(found[0])
        elif action.kind == "TABLE_RENAME_TO":
            schema[names.parts(next(action.all("TABLE_NAME")))[-1]] = schema.pop(name)


def _alter_column(table: Table, name: str, action: Node) -> None:
    if change := action.part("SET_TYPE"):
        old = table.columns.get(name, Column("", False, None, ""))
        table.columns[name] = Column(type_of(change), old.not_null, old.default, old.generated)
    elif action.part("SET_NOT_NULL", "DROP_NOT_NULL"):
        _set_not_null(table, name, bool(action.part("SET_NOT_NULL")))


def _drop_column(table: Table, name: str) -> None:
    table.columns.pop(name, None)
    for texts in (table.constraints, table.indexes):
        for gone in [key for key, text in texts.items() if mentions(text, name)]:
            del texts[gone]


def _rename_column(table: Table, old: str, new: str) -> None:
    table.columns = {new if name == old else name: column for name, column in table.columns.items()}
    for texts in (table.constraints, table.indexes):
        for name, text in texts.items():
            texts[name] = _pattern(old).sub(f'"{new}"', text)


def mentions(text: str, column: str) -> bool:
    """Return whether the definition of a constraint or an index names a column."""
    return bool(_pattern(column).search(text))


def _pattern(column: str) -> re.Pattern[str]:
    return re.compile(rf'"{re.escape(column)}"|\b{re.escape(column)}\b')


def _create_index(schema: Schema, statement: Node) -> None:
    index, tables = next(statement.all("INDEX"), None), names.tables(statement)
    if tables and tables[0].name in schema:
        table = schema[tables[0].name] = deepcopy(schema[tables[0].name])
        table.indexes[names.parts(index)[-1] if index else statement.text] = statement.text


def _drop(schema: Schema, statement: Node) -> None:
    for name in names.objects(statement):
        schema.pop(name.name, None)


def _change_index(schema: Schema, statement: Node) -> None:
    new = next(statement.all("INDEX_RENAME_TO"), None)
    if statement.kind == "ALTER_INDEX" and not new:
        return
    for index in (names.parts(ref)[-1] for ref in statement.all("INDEX_REF")):
        if table := table_of_index(schema, index):
            schema[table] = deepcopy(schema[table])
            text = schema[table].indexes.pop(index)
            if new:
                schema[table].indexes[names.parts(next(new.all("INDEX")))[-1]] = text


def indexes_of(table: Table) -> list[str]:
    """Return the indexes of a table, with those of its constraints."""
    unique = [name for name, text in table.constraints.items() if re.match("UNIQUE|PRIMARY|EXCLUDE", text, re.I)]
    return [*table.indexes, *unique]


def table_of_index(schema: Schema, index: str) -> str | None:
    """Return the table of an index, if it is known."""
    return next((name for name, table in schema.items() if index in table.indexes), None)


CHANGES: dict[str, Callable[[Schema, Node], None]] = {
    **dict.fromkeys(("CREATE_TABLE", "CREATE_TABLE_AS", "CREATE_MATERIALIZED_VIEW"), _create_table),
    **dict.fromkeys(("DROP_TABLE", "DROP_MATERIALIZED_VIEW"), _drop),
    **dict.fromkeys(("DROP_INDEX", "ALTER_INDEX"), _change_index),
    "ALTER_TABLE": _alter_table,
    "CREATE_INDEX": _create_index,
}
