"""The statements of Peewee's single schema operations, corrected: qualified with the schema, and only what differs."""

from __future__ import annotations

import re
from typing import Any

import peewee
from peewee_migrate.migrator import PostgresqlMigrator
from playhouse.migrate import SchemaMigrator, operation


class Operations(PostgresqlMigrator):
    """The statements of single operations, qualified with `schema`."""

    # peewee-migrate's own leaves out the schema and the predicate of the index.
    add_index = SchemaMigrator.add_index

    @operation  # type: ignore[untyped-decorator]
    def add_column(self, table: str, column: str, field: peewee.Field, default: Any = None) -> Any:
        """ALTER TABLE … ADD COLUMN in one statement: a constant default costs no rewrite (PostgreSQL 11 and later)."""
        if default is not None:
            default_clause = peewee.NodeList((peewee.SQL("DEFAULT"), peewee.Value(default)))
            field.constraints = [*(field.constraints or ()), default_clause]
        field.default = None
        statements: list[Any] = [self.alter_add_column(table, column, field, allow_not_null=True)]
        if field.index or field.unique:
            statements.append(self.add_index(table, (column,), field.unique, getattr(field, "index_type", None)))
        return statements

    @operation  # type: ignore[untyped-decorator]
    def change_column(self, table: str, column: str, field: peewee.Field) -> Any:
        """Change only what differs from the old column, if that is known (see `Migrator.change_fields`)."""
        before = getattr(field, "before", None)
        changes: list[Any] = []
        if not before or type_of(before) != type_of(field):
            changes.append(self.alter_change_column(table, column, field)[0])
        old, new = (default_of(one) if one else None for one in (before, field))
        if new is None and old is not None:
            changes.append(self.drop_column_default(table, column))
        elif new is not None and (old is None or as_sql(old) != as_sql(new)):
            changes.append(self.set_default(table, column, new))
        if field.null and before and not (before.null and not isinstance(before, UnknownColumn)):
            changes.append(self.drop_not_null(table, column))
        elif not field.null and not (before and not before.null):
            changes.append(self.add_not_null(table, column))
        return changes

    @operation  # type: ignore[untyped-decorator]
    def set_default(self, table: str, column: str, default: Any) -> Any:
        return self._alter_column(self.make_context(), table, column).literal(" SET DEFAULT ").sql(default)


def type_of(field: peewee.Field) -> str:
    """Return the type of a column as SQL, such as `VARCHAR(80)`, with its collation."""
    sql, _ = as_sql(field.ddl_datatype(peewee.Context()))
    return f'{sql} COLLATE "{field.collation}"' if field.collation else sql


def default_of(field: peewee.Field) -> peewee.Node | None:
    """Return the default of a column in the database: of its constraints, or its constant Python default."""
    for constraint in field.constraints or ():
        if found := re.fullmatch(r"DEFAULT\s+(.+)", getattr(constraint, "sql", ""), re.I | re.S):
            return peewee.SQL(found[1], getattr(constraint, "params", None))
    return None if field.default is None or callable(field.default) else peewee.Value(field.db_value(field.default))


def index_of(field: peewee.Field) -> str:
    """Return which index a column has of its own: `unique`, `plain` or none (empty)."""
    return "unique" if field.unique else "plain" if field.index else ""


def as_sql(node: peewee.Node) -> Any:
    """Return a piece of SQL and its parameters."""
    return peewee.PostgresqlDatabase(None).get_sql_context().sql(node).query()


class UnknownColumn(peewee.BareField):
    """A column of a table that SQL has made: only its name is known."""


class UnknownColumns(dict[str, peewee.Field]):
    """The fields of such a table: each that is asked for is there."""

    def __init__(self, meta: Any) -> None:
        super().__init__()
        self.meta = meta

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __missing__(self, name: str) -> peewee.Field:
        self.meta.add_field(name, UnknownColumn(null=True))
        return self[name]


def model_of_unknown_table(table: str, schema: str, database: peewee.PostgresqlDatabase) -> type[peewee.Model]:
    """Return a model of a table that SQL has made, and no model of a migration."""
    meta = {"table_name": table, "schema": schema, "database": database, "primary_key": False}
    model: type[peewee.Model] = type(table, (peewee.Model,), {"Meta": type("Meta", (), meta)})
    model._meta.fields = UnknownColumns(model._meta)
    return model
