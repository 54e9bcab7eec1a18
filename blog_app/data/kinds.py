"""Single-table inheritance: the kinds of a model share its table, and a column, the discriminator, tells them apart.

    class Post(Kinds, Record):
        kind = peewee.CharField(default="article")

        class Meta:
            discriminator = "kind"

    class Video(Post):
        class Meta:
            table_name = "posts"
            kind = "video"

Guarantees:

* What is made of `Video` is saved as a video, and an instance never changes its kind (`ValueError`).
* In every query `Video` means the videos: selected, joined, as an alias, behind a back reference, prefetched, updated
  and deleted. Foreign keys to `Post` join with `Video` too.
* A row of `Post` is an instance of its kind, also in joins, wherever the discriminator is selected.

For cache and replicas all kinds are one collection, the table. Raw SQL does not know kinds.
"""

from __future__ import annotations

from typing import Any

import peewee


class Metadata(peewee.Metadata):
    """The `_meta` of all models."""

    discriminator: str | None = None
    """The field that tells the kinds of this model apart."""
    kind: str | None = None
    """Its value for this model; None if this is no kind of another."""
    _table: Any

    def __init__(self, model: Any, **options: Any) -> None:
        super().__init__(model, **options)
        self.kinds: dict[str, Any] = {}
        if self.kind is not None:
            model.__mro__[1]._meta.kinds[self.kind] = model

    @property
    def entity(self) -> peewee.Node:
        """The table, or the subquery of the rows of this kind, as FROM names it."""
        if self.kind is None:
            return super().entity
        # Text without parameters: PostgreSQL plans it as the table with one more condition.
        rows = f'(SELECT * FROM "{self.schema}"."{self.table_name}" WHERE "{self.discriminator}" = \'{self.kind}\')'  # noqa: S608
        return peewee.SQL(rows)

    @property
    def table(self) -> peewee.Table:
        """The table as queries name it."""
        if self._table is None:
            self._table = super().table
            if self.kind is not None:
                self._table.__class__ = KindTable
        return self._table

    @table.deleter
    def table(self) -> None:
        self._table = None

    def add_field(self, field_name: str, field: peewee.Field, set_attribute: bool = True) -> None:
        if field_name == self.discriminator and self.kind is not None:
            field.default = self.kind
        super().add_field(field_name, field, set_attribute)
        if field_name == self.discriminator:
            setattr(self.model, field_name, DiscriminatorAccessor(self.model, field, field_name))

    def add_ref(self, field: peewee.ForeignKeyField) -> None:
        super().add_ref(field)
        for kind in field.rel_model._meta.kinds.values():
            self.model_refs[kind].append(field)
            kind._meta.model_backrefs[self.model].append(field)


class KindTable(peewee.Table):
    """A table of which a query sees the rows of one kind."""

    def __sql__(self, ctx: peewee.Context) -> peewee.Context:
        if ctx.scope != peewee.SCOPE_SOURCE:
            return super().__sql__(ctx)
        if self._alias:
            ctx.alias_manager[self] = self._alias
        return self.apply_alias(ctx.sql(self._model._meta.entity))

    def clone(self) -> peewee.Table:
        table = super().clone()
        table.__class__ = KindTable
        return table


class DiscriminatorAccessor(peewee.FieldAccessor):
    """Makes an instance one of its kind when the discriminator is set."""

    def __set__(self, instance: Any, value: str | None) -> None:
        meta = instance._meta
        if meta.kind is None:
            instance.__class__ = meta.kinds.get(value, type(instance))
        elif value not in (meta.kind, None):  # None: a LEFT JOIN found no row.
            raise ValueError(f"the {meta.discriminator} of a {type(instance).__name__} is {meta.kind!r}, not {value!r}")
        super().__set__(instance, value)


class Kinds:
    """A model with kinds; it is the first base."""

    _meta: Any

    def __init__(self, *args: Any, **values: Any) -> None:
        if not values.get("__no_default__"):  # Not for rows: they may have no discriminator.
            name = self._meta.discriminator
            values.setdefault(name, self._meta.fields[name].default)
        super().__init__(*args, **values)

    @classmethod
    def update(cls, *args: Any, **values: Any) -> Any:
        """Return an UPDATE of the rows of this kind."""
        return cls._of_kind(super().update(*args, **values))  # type: ignore[misc]

    @classmethod
    def delete(cls) -> Any:
        """Return a DELETE of the rows of this kind."""
        return cls._of_kind(super().delete())  # type: ignore[misc]

    @classmethod
    def _of_kind(cls, query: Any) -> Any:
        meta = cls._meta
        return query if meta.kind is None else query.where(meta.fields[meta.discriminator] == meta.kind)
