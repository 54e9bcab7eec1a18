"""What all models share: identifiers, timestamps, versions, soft deletion, and who belongs to which database.

Every row of every resource has a UUIDv7 identifier made in Python (RFC 9562: sorted by creation, no round trip),
`created_at`, `updated_at` and a `version` that grows by one with each change; the ETag carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Self

import peewee
from playhouse.postgres_ext import DateTimeTZField
from uuid_utils.compat import uuid7

from blog_app.data import audit_subject
from blog_app.data.compiled import peewees_sql
from blog_app.data.databases.dependencies import DeclaredSQL, row_keys, written_by_insert


def now() -> datetime:
    """Return the current time, in UTC."""
    return datetime.now(UTC)


TimestampField = DateTimeTZField
"""A `timestamptz`; values are aware datetimes."""


class Base(peewee.Model):
    """The root of all models; a table without the columns of a `Record` (a join table, a log) derives from it."""

    id: Any

    class Meta:
        legacy_table_names = False
        only_save_dirty = True

    def derive(self) -> None:
        """Fill in the values that follow from others; whoever writes a row calls it before."""

    @classmethod
    def loaded(cls) -> None:
        """Bring up to date what other tables hold of these rows; whoever writes them by the batch calls it after."""

    def _pk_expr(self) -> Any:
        """Return the condition that finds this row; it also holds what names the row to others (see collections)."""
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
    def locked_or_made(cls, key: peewee.Field, value: Any) -> Self:
        """Return the row with this value of a unique field, locked for this transaction, and made if it is missing."""
        while True:  # Between the two statements others may make it, or delete it.
            if row := cls.select().where(key == value).for_update().first():
                return row
            cls.insert({key: value}).on_conflict_ignore().execute()

    def change(self, **values: Any) -> None:
        """Write `values` and a new version; the row must have been loaded in this transaction (FOR UPDATE)."""
        audit_subject.note(self)
        self.version += 1
        self.updated_at = now()
        for name, value in values.items():
            setattr(self, name, value)
        self.derive()
        self.save()

    def save(self, force_insert: bool = False) -> None:
        """Write what has changed, or with `force_insert` a new row; in a transaction, with the statement after it."""
        if force_insert:
            self._meta.database.pipeline(*self._insertion())
        elif self._dirty:
            changed = {name: self.__data__[name] for name in self._dirty}
            self._meta.database.pipeline(self.update(changed).where(self._pk_expr()))
        self._dirty.clear()

    def save_unless_taken(self, name: str) -> bool:
        """Write a new row; return False, with nothing written, if another row has its value of the field `name`."""
        sql, values, written = self._insertion(unless_taken=name)
        self._dirty.clear()
        return bool(self._meta.database.execute_declared(sql, values, written).rowcount)

    def _insertion(self, unless_taken: str | None = None) -> tuple[DeclaredSQL, list[Any], set[str]]:
        """Return the SQL of the new row, its parameters, and the collections that it writes."""
        audit_subject.note(self, new=True)
        model: Any = type(self)
        sql, converters = _insert(model, tuple(self.__data__), unless_taken)
        values = [convert(value) for convert, value in zip(converters, self.__data__.values(), strict=True)]
        return sql, values, written_by_insert(model, self.__data__)

    def delete_instance(self, recursive: bool = False, delete_nullable: bool = False) -> Any:
        """Delete the row for good."""
        audit_subject.note_gone(self)
        return super().delete_instance(recursive, delete_nullable)


class SoftDeletable(Record):
    """A record that is hidden when it is deleted, and stays until it is restored or purged.

    Every query that begins with `select`, includes and back references among them, leaves deleted rows out, so nobody
    can forget to. Three do not, and must say `not_deleted`: SQL by hand, a join, and a query on an `alias()`.
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
        """Hide the row; `delete_instance` is what purges it."""
        self.change(deleted_at=now())

    def restore(self) -> None:
        """Show the row again; raise `IntegrityError` if something that must be unique has been taken meanwhile."""
        self.change(deleted_at=None)


def not_deleted(source: Any) -> Any:
    """Return the condition that the row of a model, or of its alias, is not deleted, if it can be."""
    return source.deleted_at.is_null() if hasattr(source, "deleted_at") else peewee.SQL("TRUE")


def of(database_name: str) -> tuple[type[Base], ...]:
    """Return the models of one logical database, parents before children; their modules must have been imported."""
    tables: dict[str, type[Base]] = {}
    for model in _descendants(Base):
        if model._meta.schema == database_name and not _is_abstract(model):
            tables.setdefault(model._meta.table_name, model)  # The first owns it; heirs in one table share it.
    return tuple(peewee.sort_models(tables.values()))


def _is_abstract(model: type[Base]) -> bool:
    """Whether the model only passes things on, to heirs in tables of their own; heirs in its own are kinds of it."""
    return any(heir._meta.table_name != model._meta.table_name for heir in model.__subclasses__())


def _descendants(model: type[Base]) -> Iterator[type[Base]]:
    for child in model.__subclasses__():
        yield child
        yield from _descendants(child)


def any_of(field: peewee.Field, identifiers: list[Any], kind: str = "uuid") -> peewee.Expression:
    """Return the condition that `field` is one of these identifiers: one parameter, however many there are."""
    return field == peewee.fn.ANY(peewee.Cast(peewee.Value(array_of(identifiers), converter=False), f"{kind}[]"))


def array_of(identifiers: Iterable[Any]) -> str:
    """Return UUIDs or numbers as the text of an array, which the driver need not quote one by one, nor PostgreSQL."""
    return f"{{{','.join(map(str, identifiers))}}}"


def column_of_found(name: str) -> peewee.SQL:
    """Return a column of the subquery that a query joins, or selects from, under the name `found`."""
    return peewee.SQL(f'"found"."{name}"')


@lru_cache(maxsize=1024)
def _insert(
    model: Any, names: tuple[str, ...], unless_taken: str | None
) -> tuple[DeclaredSQL, tuple[Callable[[Any], Any], ...]]:
    """Return the SQL that inserts a row with values for these fields, and what converts each value."""
    fields = [model._meta.fields[name] for name in names]
    columns = ", ".join(f'"{field.column_name}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table = f'"{model._meta.schema}"."{model._meta.table_name}"'
    sql = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 (the names are the model's)
    if unless_taken is not None:
        sql += f' ON CONFLICT ("{model._meta.fields[unless_taken].column_name}") DO NOTHING'
    return DeclaredSQL(sql), tuple(field.db_value for field in fields)


def rows_by(field: peewee.Field, query: peewee.ModelSelect) -> Callable[[list[Any]], list[tuple[Any, ...]]]:
    """Return a function that returns the rows of `query` whose `field` is one of some identifiers, as `rows_of` does.

    Its SQL is made once: nothing in `query` may be a value, or depend on who asks.
    """
    database = query.model._meta.database

    @cache
    def sql() -> str:
        found, values = peewees_sql(database, query.where(any_of(field, [])))
        if values != [array_of([])]:
            raise TypeError(f"the query has values of its own: {found}")
        return found

    def rows(identifiers: list[Any]) -> list[tuple[Any, ...]]:
        return list(database.execute_sql(sql(), (array_of(identifiers),)).fetchall())

    return rows


def rows_of(query: peewee.ModelSelect) -> list[tuple[Any, ...]]:
    """Return the rows of a query as the driver gives them: no model is built, identifiers stay text."""
    return list(query.model._meta.database.execute(query).fetchall())
