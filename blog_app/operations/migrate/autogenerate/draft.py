"""Drafts the operations that lead from one schema to another, in ways that are safe for tables in use.

Operations that lock a table only for an instant go into one transaction (`transactional`). Indexes, constraints and NOT
NULL on existing tables are built step by step (`stepwise`). What only a person can decide is explained in `to_decide`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import permutations
from typing import Any

import peewee

from blog_app.operations.migrate.autogenerate import render
from blog_app.operations.migrate.catalog import Column, Schema, Table
from blog_app.operations.migrate.lint.type_rules import widens

Change = tuple[str, str]
"""The code of an operation, and the code that undoes it."""
NOTHING = ""
FOREIGN_KEY = re.compile(
    r'FOREIGN KEY \("?(?P<column>\w+)"?\) REFERENCES "?(?P<to>\w+)"?\("?(?P<to_column>\w+)"?\)'
    r"(?: ON UPDATE (?P<on_update>CASCADE|RESTRICT|SET NULL|SET DEFAULT))?"
    r"(?: ON DELETE (?P<on_delete>CASCADE|RESTRICT|SET NULL|SET DEFAULT))?"
    r"(?: (?P<deferrable>DEFERRABLE(?: INITIALLY DEFERRED)?))?"
)
UNIQUE = re.compile(r"UNIQUE \((?P<parts>[^()]*)\)")
CHECK = re.compile(r"CHECK \((?P<condition>.*)\)", re.S)
INDEX = re.compile(
    r"CREATE (?P<unique>UNIQUE )?INDEX \S+ ON \S+ USING (?P<using>\w+) \((?P<parts>.*?)\)(?: WHERE (?P<where>.*))?",
    re.S,
)

RENAMED = (
    "{table}: {old} is dropped and {new} added, of the same type. If that is a rename, write instead of both "
    'migrator.expand_rename("{table}", "{old}", "{new}", "{type}"), a backfill, and in a later release '
    "contract_rename"
)
REQUIRED = (
    "{table}.{new} is required and has no default in the database, so it is added without NOT NULL. Fill the existing "
    "rows (migrator.backfill), then run `flask migrate create --auto` again, which writes set_not_null"
)
DROPPED = (
    "{table}.{old} is dropped: no running code may still use it. First release code without it, whose model has "
    'unused_columns = ("{old}",), and drop it in the next release'
)
RETYPED = (
    "{table}.{new}: the change of type to {type} rewrites the table and blocks reads and writes. Write "
    'migrator.expand_type("{table}", "{new}", "{type}", forward=…, backward=…), a backfill, and in a later release '
    "contract_type"
)


@dataclass
class Draft:
    transactional: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    """By table, because a transaction must not lock several tables; under "", the new tables."""
    stepwise: list[Change] = field(default_factory=list)
    to_decide: list[str] = field(default_factory=list)


def draft(old: Schema, new: Schema, models: Sequence[Any], old_models: Mapping[str, Any]) -> Draft:
    """Return the operations from `old` to `new`; `old_models` are the models as the files have made them so far."""
    found = Draft()
    created = [model for model in models if model._meta.table_name not in old]
    referenced = {key.rel_model._meta.table_name for model in created for key in model._meta.refs} & old.keys()
    for model in created:
        # A transaction must not lock several tables in use.
        changes = found.transactional[""] if len(referenced) < 2 else found.stepwise
        changes.append((render.render_model(model), f'migrator.remove_model("{model._meta.table_name}")'))
    for model in models:
        table = model._meta.table_name
        if table in old:
            _TableChanges(found, model, old_models.get(table)).draft(old[table], new[table])
    for table in _drop_order({table: old[table] for table in old if table not in new}):
        back = render.render_model(old_models[table]) if table in old_models else NOTHING
        found.transactional[table].append((f'migrator.remove_model("{table}")', back))
    return found


class _TableChanges:
    def __init__(self, found: Draft, model: Any, old_model: Any) -> None:
        self.found, self.model, self.old_model = found, model, old_model
        self.schema, self.table = model._meta.schema, model._meta.table_name

    def draft(self, old: Table, new: Table) -> None:
        gone = old.columns.keys() - new.columns.keys()
        for name in sorted(old.constraints.keys() - new.constraints.keys()):
            self._atomic(self._drop_constraint(name), self._add_plain_constraint(name, old.constraints[name]))
        for name in sorted(old.indexes.keys() - new.indexes.keys()):
            if any(re.search(rf"\b{column}\b", old.indexes[name]) for column in gone):
                self._atomic(NOTHING, self._sql(old.indexes[name]))  # Dropping its column drops it.
            else:
                self._stepwise(self._drop_index(name), self._add_index(name, old.indexes[name]))
        self._columns(old.columns, new.columns)
        for name, definition in sorted(new.constraints.items()):
            if name in old.constraints and old.constraints[name] != definition:
                self._stepwise(self._drop_constraint(name), self._add_constraint(name, old.constraints[name]))
            if old.constraints.get(name) != definition:
                self._stepwise(self._add_constraint(name, definition), self._drop_constraint(name))
        for name in sorted(new.indexes.keys()):
            self._index(name, old.indexes.get(name), new.indexes[name])

    def _columns(self, old: Mapping[str, Column], new: Mapping[str, Column]) -> None:
        removed, added = [name for name in old if name not in new], [name for name in new if name not in old]
        renamed = {(one, other) for one in removed for other in added if old[one].type == new[other].type}
        for one, other in sorted(renamed):
            self._to_decide(RENAMED, old=one, new=other, type=new[other].type)
        for name in added:
            self._add_column(name, new[name])
        for name in removed:
            self._remove_column(name, old[name])
        for name in new:
            if name in old and old[name] != new[name]:
                self._change_column(name, old[name], new[name])

    def _add_column(self, name: str, column: Column) -> None:
        field = self.model._meta.columns[name]
        key = field.column_name if isinstance(field, peewee.ForeignKeyField) else field.name
        self._atomic(self._add_field(self.model, name, column), f'migrator.remove_fields("{self.table}", "{key}")')
        if column.not_null and column.default is None and not column.generated:
            self._to_decide(REQUIRED, new=name)

    def _remove_column(self, name: str, column: Column) -> None:
        if self.old_model is None or name not in self.old_model._meta.columns:
            self._atomic(self._alter(f'DROP COLUMN "{name}"'), NOTHING)
        else:
            drop = f'migrator.remove_fields("{self.table}", "{self.old_model._meta.columns[name].name}",)'
            self._atomic(drop, self._add_field(self.old_model, name, column))
        self._to_decide(DROPPED, old=name)

    def _change_column(self, name: str, old: Column, new: Column) -> None:
        column = f'"{self.table}", "{self.model._meta.columns[name].name}"'
        if old.type != new.type and not widens(old.type, new.type):
            return self._to_decide(RETYPED, new=name, type=new.type)
        if old.type != new.type:
            self._atomic(*(self._alter(f'ALTER COLUMN "{name}" TYPE {type_}') for type_ in (new.type, old.type)))
        if old.default != new.default:
            self._atomic(_default(column, new.default), _default(column, old.default))
        if old.not_null and not new.not_null:
            self._atomic(f"migrator.drop_not_null({column})", f"migrator.add_not_null({column})")
        if new.not_null and not old.not_null:
            self._stepwise(f'migrator.set_not_null("{self.table}", "{name}")', f"migrator.drop_not_null({column})")
        if old.generated != new.generated:
            self.found.to_decide.append(f"{self.table}.{name}: from {old} to {new} needs a new column")
        return None

    def _add_constraint(self, name: str, definition: str) -> str:
        if found := FOREIGN_KEY.fullmatch(definition):
            options = ("on_delete", "on_update", "deferrable", *(("to_column",) if found["to_column"] != "id" else ()))
            actions = "".join(f', {key}="{found[key]}"' for key in options if found[key])
            ends = f'"{self.table}", "{found["column"]}", "{found["to"]}"'
            return f'migrator.add_foreign_key({ends}{actions}, name="{name}")'
        if found := CHECK.fullmatch(definition):
            return f'migrator.add_check("{self.table}", "{name}", {found["condition"]!r})'
        if found := UNIQUE.fullmatch(definition):
            parts = _index_parts(found["parts"])
            build = f'migrator.add_index_concurrently("{self.table}", {parts}, unique=True, name="{name}")'
            return build + "\n" + self._alter(f'ADD CONSTRAINT "{name}" UNIQUE USING INDEX "{name}"')
        return self._add_plain_constraint(name, definition)

    def _add_plain_constraint(self, name: str, definition: str) -> str:
        qualified = re.sub(r'REFERENCES "?(\w+)"?\(', rf'REFERENCES "{self.schema}"."\1"(', definition)
        return f'migrator.add_constraint("{self.table}", "{name}", {qualified!r})'

    def _drop_constraint(self, name: str) -> str:
        return f'migrator.drop_constraints("{self.table}", "{name}")'

    def _index(self, name: str, old: str | None, new: str) -> None:
        if old is None:
            self._stepwise(self._add_index(name, new), self._drop_index(name))
        elif old != new:
            # The new index is ready before the old one is dropped.
            rename = f'migrator.sql(\'ALTER INDEX "{self.schema}"."{name}__new" RENAME TO "{name}"\')'
            there, back = (
                "\n".join([self._add_index(f"{name}__new", definition), self._drop_index(name), rename])
                for definition in (new, old)
            )
            self._stepwise(there, back)

    def _add_index(self, name: str, definition: str) -> str:
        found = INDEX.fullmatch(definition)
        if not found:
            return self._sql(definition.replace("INDEX", "INDEX CONCURRENTLY", 1))
        options = f'name="{name}"{", unique=True" if found["unique"] else ""}'
        if found["using"] != "btree":
            options += f', using="{found["using"]}"'
        if found["where"]:
            options += f", where={found['where']!r}"
        return f'migrator.add_index_concurrently("{self.table}", {_index_parts(found["parts"])}, {options})'

    def _drop_index(self, name: str) -> str:
        return f'migrator.drop_index_concurrently("{name}")'

    def _add_field(self, model: Any, name: str, column: Column) -> str:
        found = model._meta.columns[name]
        given = column.default is not None or bool(column.generated)
        code = render.render_field(found, null=not (column.not_null and given), plain=True)
        # A reference is added as a plain column; its foreign key is added later.
        key = found.column_name if isinstance(found, peewee.ForeignKeyField) else found.name
        allow = ", allow_not_null=True" if column.not_null and given else ""
        return f'migrator.add_fields("{self.table}", {key}={code}{allow})'

    def _sql(self, index: str) -> str:
        statement = re.sub(r" ON [^ ]+", f' ON "{self.schema}"."{self.table}"', index, count=1)
        return f"migrator.sql({statement.replace('%', '%%')!r})"

    def _alter(self, change: str) -> str:
        return f'migrator.sql(\'ALTER TABLE "{self.schema}"."{self.table}" {change}\')'

    def _to_decide(self, sentence: str, **names: str) -> None:
        self.found.to_decide.append(sentence.format(table=self.table, **names))

    def _atomic(self, change: str, back: str) -> None:
        self.found.transactional[self.table].append((change, back))

    def _stepwise(self, change: str, back: str) -> None:
        self.found.stepwise.append((change, back))


def _drop_order(tables: Mapping[str, Table]) -> Iterable[str]:
    """Return the tables in the order in which they can be dropped: referring tables first."""
    order = TopologicalSorter[str](dict.fromkeys(tables, ()))
    for name, other in permutations(tables, 2):
        if any(f"REFERENCES {name}(" in text for text in tables[other].constraints.values()):
            order.add(name, other)
    return order.static_order()


def _default(column: str, default: str | None) -> str:
    if default is None:
        return f"migrator.drop_default({column})"
    return f"migrator.add_default({column}, pw.SQL({default.replace('%', '%%')!r}))"


def _index_parts(parts: str) -> str:
    """Return the columns of an index as arguments; where there are expressions, all of it as one."""
    return ", ".join(repr(part) for part in ([parts] if re.search("[(']", parts) else parts.split(", ")))
