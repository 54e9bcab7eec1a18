"""The `migrator` of migration files: peewee-migrate's Migrator with corrections, and methods for tables in use.

Corrections: every statement names the schema of its logical database; a new column gets its constant default in the
database and in one statement, without an update of the whole table; `add_default` changes no rows; `create_model` fails
if the table exists; a constraint may be given as text; nothing is dropped by CASCADE unless the file asks for it.

The methods below "For tables in use" are this project's own. Most need `atomic = False` at the top of the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import peewee
from peewee_migrate import Migrator as PeeweeMigrator
from playhouse.migrate import Operation, make_index_name

from blog_app.operations.migrate import MigrationError
from blog_app.operations.migrate.peewee_operations import Operations, index_of, model_of_unknown_table
from blog_app.operations.migrate.steps import expand, indexes
from blog_app.operations.migrate.steps.backfill import AddRows, Backfill
from blog_app.operations.migrate.steps.base import PythonStep, Step, quoted
from blog_app.operations.migrate.steps.constraints import AddConstraint, SetNotNull


class Migrator(PeeweeMigrator):
    """Collects the operations of a migration; its models are as the migrations so far have made them."""

    def __init__(self, database: peewee.PostgresqlDatabase, schema: str) -> None:
        self.__ops__: list[Any] = []
        super().__init__(database)
        self.schema = schema
        self.atomic = True
        self.__migrator__ = Operations(database, schema=schema)

    def work_on(self, database: peewee.PostgresqlDatabase) -> None:
        """Make operations and models send their statements to `database` from now on."""
        self.__database__ = database
        self.__migrator__ = Operations(database, schema=self.schema)
        for model in self.orm:
            model._meta.database = database

    def take_operations(self) -> list[Operation | Step | PythonStep | Any]:
        """Return the collected operations, and start anew."""
        operations, self.__ops__ = self.__ops__, []
        return operations

    def __get_model__(self, model: Any) -> Any:
        """Return the model of a table; of one that SQL has made, a model that knows only the names it is asked for."""
        try:
            return super().__get_model__(model)
        except ValueError:
            made = model_of_unknown_table(model, self.schema, self.__database__)
            self.orm.add(made)
            return made

    def run(self, func: Any, *args: Any, **kwargs: Any) -> None:
        """Run a Python function as one of the operations."""
        self.__ops__.append(PythonStep(func, args, kwargs))

    def create_model(self, model: Any) -> Any:
        """Create the model's table and indexes; the table must not exist.

        With `atomic = False`, keys to several tables are added one by one, because each locks the table it refers to.
        """
        if model._meta.schema is None:
            raise MigrationError(f'create_model({model.__name__}): set schema = "{self.schema}" in its Meta')
        # Index names begin with the name of the table, as in the other methods, not of the class.
        model._meta.legacy_table_names = False
        super().create_model(model)
        keys = [key for key in model._meta.refs if key.rel_model is not model and not key.deferred]
        one_by_one = [] if self.atomic or len({key.rel_model for key in keys}) < 2 else keys
        self.__ops__[-1] = CreateTable(model, one_by_one)
        for key in one_by_one:
            self.add_foreign_key(
                model._meta.table_name,
                key.column_name,
                key.rel_model._meta.table_name,
                on_delete=key.on_delete,
                on_update=key.on_update,
                deferrable=key.deferrable,
                to_column=key.rel_field.column_name,
                name=key.constraint_name,
            )
        return model

    def add_fields(self, model: Any, *, allow_not_null: bool = False, **fields: peewee.Field) -> Any:
        """Add columns. A constant Python default also becomes the default in the database.

        A required column of a table with rows needs such a default, or three migrations: add it with `null=True`,
        `backfill`, `set_not_null`. `allow_not_null` is for an empty table, or a column with a default in its
        constraints.
        """
        model = self.__get_model__(model)
        for name, field in fields.items():
            default = None if callable(field.default) else field.default
            if not (field.null or allow_not_null) and default is None:
                raise MigrationError(
                    f"{model._meta.table_name}.{name} is required and has no constant default, so existing rows would "
                    "have no value. Add it with null=True, backfill it, then use set_not_null"
                )
            model._meta.add_field(name, field)
            value = None if default is None else field.db_value(default)
            column = self.__migrator__.add_column(model._meta.table_name, field.column_name, field.clone(), value)
            self.__ops__.append(column)
        return model

    def change_fields(self, model: Any, **fields: peewee.Field) -> Any:
        """Change columns; sends only what differs (to set a type or NOT NULL again would take a strong lock).

        Step by step (`atomic = False`), indexes are built and dropped concurrently.
        """
        model = self.__get_model__(model)
        for name, field in fields.items():
            before = field.before = copy(model._meta.fields.get(name))
            unique, field.unique = (
                field.unique,
                before.unique if before else field.unique,
            )  # Its index is ours to change.
            super().change_fields(model, **{name: field})
            field.unique = unique
            table = model._meta.table_name
            if isinstance(field, peewee.ForeignKeyField):
                self.__ops__.append(self.__migrator__.change_column(table, field.column_name, field))
            if before and index_of(before) != index_of(field):
                self._change_index(table, before, field)
        return model

    def _change_index(self, table: str, before: peewee.Field, field: peewee.Field) -> None:
        old, new = (make_index_name(table, [one.column_name]) for one in (before, field))
        if self.atomic:
            if index_of(before):
                self.__ops__.append(self.__migrator__.drop_index(table, old))
            if index_of(field):
                using = getattr(field, "index_type", None)
                self.__ops__.append(self.__migrator__.add_index(table, (field.column_name,), field.unique, using))
            return
        # The new index is ready before the old one is dropped.
        building = f"{new}__new" if index_of(before) and old == new else new
        if index_of(field):
            using = getattr(field, "index_type", None)
            self.add_index_concurrently(table, field.column_name, unique=field.unique, using=using, name=building)
        if index_of(before):
            self.drop_index_concurrently(old)
        if index_of(field) and building != new:
            self.sql(f"ALTER INDEX {quoted(self.schema, building)} RENAME TO {quoted(new)}")

    def remove_fields(self, model: Any, *names: str, cascade: bool = False, **params: Any) -> Any:
        """Drop columns with their indexes. Without `cascade` it fails if something depends on them."""
        before, model = len(self.__ops__), self.__get_model__(model)
        for name in names:
            model._meta.fields.get(name)  # A column of a table that SQL has made is known from now on.
        model = super().remove_fields(model, *names, cascade=cascade, **params)
        self.__ops__[before:] = [drop for drop in self.__ops__[before:] if drop.fn.__name__ != "drop_index"]
        return model

    def remove_model(self, model: Any, *, cascade: bool = False) -> None:
        """Drop a table. Without `cascade` it fails if something depends on it."""
        super().remove_model(model, cascade=cascade)

    def sql(self, sql: str, *params: Any) -> None:
        """Run SQL. CREATE and DROP INDEX CONCURRENTLY are run as by `add_index_concurrently`."""
        if step := indexes.step_for_sql(self.schema, sql):
            self._append(step)
        else:
            super().sql(sql, *params)

    def add_default(self, model: Any, name: str, default: Any) -> Any:
        """Set the default for new rows: a value, or an SQL expression such as `pw.SQL("now()")`."""
        model = self.__get_model__(model)
        field = model._meta.fields[name]
        value = default if isinstance(default, peewee.Node) else peewee.Value(field.db_value(default))
        self.__ops__.append(self.__migrator__.set_default(model._meta.table_name, field.column_name, value))
        return model

    def drop_default(self, model: Any, name: str) -> Any:
        """Drop the default of a column."""
        model = self.__get_model__(model)
        column = model._meta.fields[name].column_name
        self.__ops__.append(self.__migrator__.drop_column_default(model._meta.table_name, column))
        return model

    def add_constraint(self, model: Any, name: str, constraint: Any) -> Any:
        """Add a table constraint, given as text (`CHECK (price >= 0)`) or as a Peewee node."""
        if isinstance(constraint, str):
            constraint = peewee.SQL(constraint)
        return super().add_constraint(model, name, constraint)

    # peewee-migrate's other names of its methods, which older files use.
    create_table = create_model
    drop_table = remove_model
    add_columns = add_fields
    change_columns = change_fields
    drop_columns = remove_fields
    rename_column = PeeweeMigrator.rename_field
    python = run

    # For tables in use

    def add_index_concurrently(
        self,
        table: str,
        *parts: str,
        unique: bool = False,
        where: str | None = None,
        using: str | None = None,
        name: str | None = None,
    ) -> None:
        """Build an index while the table is in use, on columns or expressions (`lower(title)`, `"id" DESC`)."""
        name, qualified = name or make_index_name(table, parts), quoted(self.schema, table)
        columns = ", ".join(quoted(part) if part.isidentifier() else part for part in parts)
        create = f"CREATE {'UNIQUE ' if unique else ''}INDEX CONCURRENTLY {quoted(name)} ON {qualified}"
        options = f"{f' USING {using}' if using else ''} ({columns}){f' WHERE {where}' if where else ''}"
        self._append(indexes.AddIndex(qualified, quoted(self.schema, name), create + options))

    def drop_index_concurrently(self, name: str) -> None:
        """Drop an index while its table is in use."""
        self._append(indexes.DropIndex(quoted(self.schema, name)))

    def set_not_null(self, table: str, column: str) -> None:
        """Make a column required, by way of a validated CHECK."""
        self._append(SetNotNull(self.schema, table, column))

    def add_check(self, table: str, name: str, condition: str) -> None:
        """Add a CHECK constraint: first for new rows, then validated for existing ones."""
        self._append(AddConstraint(self.schema, table, name, f"CHECK ({condition})", f"NOT ({condition})"))

    def add_foreign_key(
        self,
        table: str,
        column: str,
        to: str,
        *,
        on_delete: str | None = None,
        on_update: str | None = None,
        deferrable: str | None = None,
        to_column: str = "id",
        name: str | None = None,
    ) -> None:
        """Add a foreign key to the table `to`: first for new rows, then validated for existing ones.

        `deferrable` is DEFERRABLE or DEFERRABLE INITIALLY DEFERRED.
        """
        key, other, other_key = quoted(column), quoted(self.schema, to), quoted(to_column)
        definition = f"FOREIGN KEY ({key}) REFERENCES {other} ({other_key})"
        for event, action in (("DELETE", on_delete), ("UPDATE", on_update)):
            definition += f" ON {event} {action}" if action else ""
        definition += f" {deferrable}" if deferrable else ""
        there = f"SELECT FROM {other} AS there WHERE there.{other_key} = this.{key}"
        violated = f"this.{key} IS NOT NULL AND NOT EXISTS ({there})"
        self._append(AddConstraint(self.schema, table, name or f"{table}_{column}_fkey", definition, violated))

    def backfill(self, table: str, assignments: str, where: str | None = None) -> None:
        """Update a big table in batches: `backfill("posts", "words = length(content) / 6", where="words IS NULL")`."""
        self._append(Backfill(self.schema, table, assignments, where))

    def add_rows(self, table: str, columns: str, *, source: str, values: str) -> None:
        """Add rows for those of a big table in batches: `add_rows("counters", "post_id", source="posts", values="id")`.

        Rows that exist stay as they are.
        """
        self._append(AddRows(self.schema, table, columns, source, values))

    def expand_rename(self, table: str, old: str, new: str, new_type: str) -> None:
        """Rename, step 1: add the column `new` and keep it equal to `old`; then backfill it (see `expand`)."""
        self._append(expand.Expand(self._pair(table, old, new), new_type, None, None))

    def contract_rename(self, table: str, old: str, new: str) -> None:
        """Rename, step 2: drop the column `old`, when no running code uses it any more."""
        self._append(expand.Contract(self._pair(table, old, new), keep_name=False))

    def expand_type(self, table: str, column: str, new_type: str, *, forward: str, backward: str) -> None:
        """Type change, step 1: add `<column>__new` of another type and keep it equal; then backfill it.

        `forward` and `backward` convert, in SQL: `NEW.views::bigint` and `NEW.views__new::integer`.
        """
        self._append(expand.Expand(self._pair(table, column), new_type, forward, backward))

    def contract_type(self, table: str, column: str, *, default: str | None = None) -> None:
        """Type change, step 2: replace the column by the new one; `default` is an SQL expression."""
        self._append(expand.Contract(self._pair(table, column), keep_name=True, default=default))

    def undo_expand(self, table: str, old: str, new: str | None = None) -> None:
        """Undo `expand_rename` or (without `new`) `expand_type`."""
        self._append(expand.UndoExpand(self._pair(table, old, new)))

    def _pair(self, table: str, old: str, new: str | None = None) -> expand.ColumnPair:
        return expand.ColumnPair(self.schema, table, old, new or expand.NEW_TYPE.format(column=old))

    def _append(self, step: Step) -> None:
        if self.atomic and step.outside_transaction:
            raise MigrationError(f"{step}: it cannot run in a transaction. Write atomic = False at the top of the file")
        self.__ops__.append(step)


class CreateTable:
    """CREATE TABLE and its indexes; `without` are foreign keys that it leaves out."""

    def __init__(self, model: Any, without: Sequence[peewee.ForeignKeyField] = ()) -> None:
        self.model, self.without = model, without

    def __str__(self) -> str:
        return f"create table {self.model._meta.table_name}"

    def __call__(self) -> None:
        for key in self.without:
            key.deferred = True
        try:
            self.model.create_table(safe=False)
        finally:
            for key in self.without:
                key.deferred = False
