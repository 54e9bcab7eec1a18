"""What all models share: identifiers, timestamps, versions, soft deletion, and the models of each database.

Every row of every resource has a UUIDv7 identifier made in Python (RFC 9562: sorted by creation, no round trip),
`created_at`, `updated_at` and a `version` that grows by one with each change; the ETag carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Self, TypeVar

import peewee
from playhouse.postgres_ext import DateTimeTZField
from uuid_utils.compat import uuid7

from blog_app.data import audit_subject, databases
from blog_app.data.compiled import compile_by_peewee
from blog_app.data.databases.dependencies import DeclaredSQL, row_keys, written_by_insert
from blog_app.data.kinds import Metadata


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


Model = TypeVar("Model", bound="Base")
TimestampField = DateTimeTZField
"""A `timestamptz`; values are aware datetimes."""


class Base(peewee.Model):
    """The base of all models; of tables without the columns of a `Record` (join tables, logs) directly."""

    id: Any

    class Meta:
        model_metadata_class = Metadata
        legacy_table_names = False
        only_save_dirty = True

    def derive(self) -> None:
        """Set the fields that are computed from others; call it before writing a row."""

    @classmethod
    def after_bulk_load(cls) -> None:
        """Update what other tables hold of these rows; call it after a bulk load."""

    def _pk_expr(self) -> Any:
        """Return the condition for this row, with its row keys, which name what is written (see `dependencies`)."""
        condition = super()._pk_expr()
        for key in row_keys(type(self)):
            if not key.primary_key and key.name in self.__data__ and key.name not in self._dirty:
                condition &= key == self.__data__[key.name]
        return condition


class Record(Base):
    """A row that the API shows as a resource of its own."""

    id = peewee.UUIDField(primary_key=True, default=uuid7)
    created_at = TimestampField(default=now)
    updated_at = TimestampField(default=now)
    version = peewee.IntegerField(default=1, constraints=[peewee.SQL("DEFAULT 1")])

    @classmethod
    def with_deleted(cls) -> Any:
        """Return a query for all rows, also those that soft deletion hides."""
        return cls.select()

    @classmethod
    def lock_or_create(cls, key: peewee.Field, value: Any) -> Self:
        """Return the row with this value of a unique field, locked for this transaction; create it if it is missing."""
        while True:  # Between the two statements others may create or delete it.
            if row := cls.select().where(key == value).for_update().first():
                return row
            cls.insert({key: value}).on_conflict_ignore().execute()

    def change(self, **values: Any) -> Self:
        """Write `values` and a new version, and return the row, which this transaction must have read FOR UPDATE."""
        audit_subject.capture(self)
        self.version += 1
        self.updated_at = now()
        for name, value in values.items():
            if name not in self.__data__ or self.__data__[name] != value:  # `derive` works on what is new.
                setattr(self, name, value)
        self.derive()
        self.save()
        return self

    def save(self, force_insert: bool = False) -> None:
        """Write the changed fields, or with `force_insert` a new row, as a pipelined statement."""
        if force_insert:
            self._meta.database.pipeline(*self._insertion())
        elif self._dirty:
            changed = {name: self.__data__[name] for name in self._dirty}
            self._meta.database.pipeline(self.update(changed).where(self._pk_expr()))
        self._dirty.clear()

    def insert_unless_taken(self, name: str) -> bool:
        """Insert the row; return False, with nothing written, if another row has its value of the field `name`."""
        sql, values, written = self._insertion(unless_taken=name)
        self._dirty.clear()
        return bool(self._meta.database.execute_declared(sql, values, written).rowcount)

    def _insertion(self, unless_taken: str | None = None) -> tuple[DeclaredSQL, list[Any], set[str]]:
        """Return the INSERT of this row, its parameters, and the written collections."""
        audit_subject.capture(self, new=True)
        model: Any = type(self)
        sql, converters = _insert_sql(model, tuple(self.__data__), unless_taken)
        values = [convert(value) for convert, value in zip(converters, self.__data__.values(), strict=True)]
        return sql, values, written_by_insert(model, self.__data__)

    def delete_instance(self, recursive: bool = False, delete_nullable: bool = False) -> Any:
        """Delete the row permanently."""
        audit_subject.capture_deleted(self)
        return super().delete_instance(recursive, delete_nullable)


class SoftDeletable(Record):
    """A record that deletion hides, until it is restored or purged.

    Every query that begins with `select`, includes and back references among them, leaves deleted rows out. Three do
    not, and need `not_deleted`: raw SQL, a joined model, and a query on an `alias()`.
    A model with a base of its domain names that base first: `class Post(BlogRecord, SoftDeletable)`.
    """

    deleted_at = TimestampField(null=True)

    @classmethod
    def select(cls, *fields: Any) -> Any:
        """Return a query for rows that are not deleted."""
        return super().select(*fields).where(cls.deleted_at.is_null())

    @classmethod
    def with_deleted(cls) -> Any:
        """Return a query for all rows, deleted or not."""
        return super().select()

    @classmethod
    def only_deleted(cls) -> Any:
        """Return a query for the deleted rows."""
        return super().select().where(cls.deleted_at.is_null(False))

    def soft_delete(self) -> None:
        """Hide the row; `delete_instance` purges it."""
        self.change(deleted_at=now())

    def restore(self) -> Self:
        """Show the row again and return it; raise `IntegrityError` if another row has a unique value of it now."""
        return self.change(deleted_at=None) if self.deleted_at else self


def not_deleted(source: Any) -> Any:
    """Return the condition that the row of a model, or of its alias, is not deleted, if it can be."""
    return source.deleted_at.is_null() if hasattr(source, "deleted_at") else peewee.SQL("TRUE")


def model_for_each_database(base: type[Model], table_name: str) -> Mapping[str, type[Model]]:
    """Return a model like `base` for each logical database, by its name: its table is in the schema of the database."""

    def model_for(database: databases.LogicalDatabase) -> type[Model]:
        meta = type("Meta", (), {"database": database, "schema": database.name, "table_name": table_name})
        return type(f"{database.name.capitalize()}{base.__name__}", (base,), {"Meta": meta})

    return {database.name: model_for(database) for database in databases.ALL}


def models_of(database_name: str) -> tuple[type[Base], ...]:
    """Return the models of a logical database, parents before children, as far as their modules are imported."""
    tables: dict[str, type[Base]] = {}
    for model in _descendants(Base):
        if model._meta.schema == database_name and not _is_abstract(model):
            tables.setdefault(model._meta.table_name, model)  # The first owns it; subclasses may share it.
    return tuple(peewee.sort_models(tables.values()))


def _is_abstract(model: type[Base]) -> bool:
    """Return whether subclasses of the model have tables of their own; those in its own table are kinds of it."""
    return any(subclass._meta.table_name != model._meta.table_name for subclass in model.__subclasses__())


def _descendants(model: type[Base]) -> Iterator[type[Base]]:
    for child in model.__subclasses__():
        yield child
        yield from _descendants(child)


def any_of(field: peewee.Field, identifiers: list[Any], kind: str = "uuid") -> peewee.Expression:
    """Return the condition that `field` is one of these identifiers: one parameter, however many there are."""
    return field == peewee.fn.ANY(peewee.Cast(peewee.Value(array_literal(identifiers), converter=False), f"{kind}[]"))


def array_literal(identifiers: Iterable[Any]) -> str:
    """Return UUIDs or numbers as the text of one array: neither driver nor PostgreSQL handles them one by one."""
    return f"{{{','.join(map(str, identifiers))}}}"


def subquery_column(name: str) -> peewee.SQL:
    """Return a column of the subquery that a query joins, or selects from, under the alias `found`."""
    return peewee.SQL(f'"found"."{name}"')


@lru_cache(maxsize=1024)
def _insert_sql(
    model: Any, names: tuple[str, ...], unless_taken: str | None
) -> tuple[DeclaredSQL, tuple[Callable[[Any], Any], ...]]:
    """Return the SQL that inserts a row with these fields, and the converter of each value."""
    fields = [model._meta.fields[name] for name in names]
    columns = ", ".join(f'"{field.column_name}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = f'"{model._meta.schema}"."{model._meta.table_name}"'
    sql = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 (the names are the model's)
    if unless_taken is not None:
        sql += f' ON CONFLICT ("{model._meta.fields[unless_taken].column_name}") DO NOTHING'
    return DeclaredSQL(sql), tuple(field.db_value for field in fields)


def batch_lookup(field: peewee.Field, query: peewee.ModelSelect) -> Callable[[list[Any]], list[tuple[Any, ...]]]:
    """Return a function that fetches the rows of `query` for a list of identifiers, the values of `field`.

    Its SQL is compiled once: `query` must hold no value of its own, so nothing that depends on the caller.
    """
    database = query.model._meta.database

    @cache
    def sql() -> str:
        found, values = compile_by_peewee(database, query.where(any_of(field, [])))
        if values != [array_literal([])]:
            raise TypeError(f"the query has values of its own: {found}")
        return found

    def rows(identifiers: list[Any]) -> list[tuple[Any, ...]]:
        return list(database.execute_sql(sql(), (array_literal(identifiers),)).fetchall())

    return rows


def fetch_rows(query: peewee.ModelSelect) -> list[tuple[Any, ...]]:
    """Return the rows of a query as tuples of the driver: no models, identifiers as text."""
    return list(query.model._meta.database.execute(query).fetchall())
