"""Bulk inserts of fake rows by COPY: one transaction a batch, through the pooler."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from blog_app.data import databases
from blog_app.data.models import Base

NULL = "\\N"
ESCAPES = (("\\", "\\\\"), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r"))


@dataclass(frozen=True)
class Rows:
    """Rows of one table for COPY; the values are in the order of the columns."""

    model: type[Base]
    columns: Sequence[str]
    values: list[tuple[Any, ...]]


@dataclass(frozen=True)
class Batch:
    """Rows that are inserted together or not at all. The first column of the first table is the id."""

    tables: Sequence[Rows]

    def load(self) -> bool:
        """Insert the batch unless one of its ids exists; return whether it was inserted."""
        first = self.tables[0]
        database = databases.BY_NAME[first.model._meta.schema]
        with database.atomic():
            database.execute_sql("SET LOCAL statement_timeout = 0")
            known = f'SELECT FROM {_table(first.model)} WHERE "{first.columns[0]}" = ANY(%s::uuid[]) LIMIT 1'
            if database.execute_sql(known, ([row[0] for row in first.values],)).rowcount:
                return False
            for rows in self.tables:
                database.declare_write(rows.model)
                _copy(database.cursor(), rows)
        return True


def analyze(models: Iterable[type[Base]]) -> None:
    """Update the planner's statistics of the tables."""
    for model in models:
        database = databases.BY_NAME[model._meta.schema]
        with database.atomic():
            database.execute_sql("SET LOCAL statement_timeout = 0")
            database.execute_sql(f"ANALYZE {_table(model)}")


def _copy(cursor: Any, rows: Rows) -> None:
    columns = ", ".join(f'"{column}"' for column in rows.columns)
    lines = ["\t".join(map(_text, row)) for row in rows.values]
    cursor.copy_expert(f"COPY {_table(rows.model)} ({columns}) FROM STDIN", io.StringIO("\n".join([*lines, ""])))


def _table(model: type[Base]) -> str:
    return f'"{model._meta.schema}"."{model._meta.table_name}"'


def _text(value: Any) -> str:
    if value is None:
        return NULL
    if isinstance(value, str):
        for character, escape in ESCAPES:
            value = value.replace(character, escape)
        return value
    if isinstance(value, UUID | int):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"COPY does not know how to write {type(value).__name__}")
