"""Renders models and fields as the Python code of a migration, with Peewee's own classes only."""

from __future__ import annotations

import re
from typing import Any

import peewee
from peewee_migrate.auto import find_field_type
from playhouse.postgres_ext import IndexedFieldMixin

from blog_app.operations.migrate.dry_run import DryRunDatabase, literal

INDENT = "    "
CHECKS = re.compile(r"\b(CHECK|REFERENCES|UNIQUE)\b")
SERIAL_FIELDS = {peewee.AutoField: peewee.IntegerField, peewee.BigAutoField: peewee.BigIntegerField}
"""Serial fields, and the type of a column that refers to one."""


def render_model(found: Any) -> str:
    """Return the class of a model, decorated by `migrator.create_model`."""
    meta = found._meta
    lines = ["@migrator.create_model", f"class {found.__name__}(pw.Model):"]
    lines += [f"{INDENT}{field.name} = {render_field(field)}" for field in meta.sorted_fields]
    lines += ["", f"{INDENT}class Meta:", f'{INDENT * 2}table_name = "{meta.table_name}"']
    lines.append(f'{INDENT * 2}schema = "{meta.schema}"')
    if isinstance(meta.primary_key, peewee.CompositeKey):
        names = ", ".join(f'"{name}"' for name in meta.primary_key.field_names)
        lines.append(f"{INDENT * 2}primary_key = pw.CompositeKey({names})")
    elif meta.primary_key is False:
        lines.append(f"{INDENT * 2}primary_key = False")
    if meta.table_settings:
        lines.append(f"{INDENT * 2}table_settings = {_quote(meta.table_settings)}")
    lines += _list("indexes", [_index(index) for index in meta.indexes])
    lines += _list("constraints", [sql(constraint) for constraint in meta.constraints or ()])
    return "\n".join(lines)


def render_field(field: peewee.Field, *, null: bool | None = None, plain: bool = False) -> str:
    """Return the expression of a field; `plain` leaves out index, uniqueness, reference and checks."""
    kind = find_field_type(field)
    if isinstance(field, peewee.ForeignKeyField) and plain:
        kind = SERIAL_FIELDS.get(type(field.rel_field)) or find_field_type(field.rel_field)
    arguments = ", ".join(_arguments(field, field.null if null is None else null, plain))
    if not isinstance(field, peewee.ForeignKeyField) and type(field).field_type != kind.field_type:  # An enum.
        own_type = f'{{"field_type": "{field.field_type}"}}'
        return f'type("{type(field).__name__}", (pw.Field,), {own_type})({arguments})'
    return f"{_module(kind)}.{kind.__name__}({arguments})"


def sql(node: Any) -> str:
    """Return `pw.SQL("…")` for any piece of SQL, its parameters written out, percent signs doubled for the driver."""
    text, parameters = DryRunDatabase("render").get_sql_context(scope=peewee.SCOPE_VALUES).sql(node).query()
    if parameters:
        text %= tuple(literal(value).replace("%", "%%") for value in parameters)
    return f"pw.SQL({_quote(text)})"


def _arguments(field: Any, null: bool, plain: bool) -> list[str]:
    found = []
    is_reference = isinstance(field, peewee.ForeignKeyField)
    if is_reference and not plain:
        itself = field.rel_model is field.model
        found.append('"self"' if itself else f'migrator.orm["{field.rel_model._meta.table_name}"]')
        if field.rel_field is not field.rel_model._meta.primary_key:
            found.append(f'field="{field.rel_field.name}"')
        actions = {name: getattr(field, name) for name in ("on_delete", "on_update", "deferrable")}
        found += [f"{name}={_quote(value)}" for name, value in actions.items() if value]
    if field.primary_key and type(field) not in SERIAL_FIELDS:
        found.append("primary_key=True")
    found += _type_arguments(field.rel_field if is_reference and plain else field)
    if null:
        found.append("null=True")
    indexed_by_default = isinstance(field, IndexedFieldMixin) or (is_reference and not plain)
    if field.unique and not plain:
        found.append("unique=True")
    elif not field.primary_key and (indexed := bool(field.index) and not plain) != indexed_by_default:
        found.append(f"index={indexed}")
    if field.column_name != (f"{field.name}_id" if is_reference else field.name):
        found.append(f'column_name="{field.column_name}"')
    if field.collation:
        found.append(f'collation="{field.collation}"')
    constraints = [sql(constraint) for constraint in field.constraints or ()]
    if plain:  # Added apart from the column: a CHECK always gets a name.
        constraints = [text for text in constraints if not CHECKS.search(text)]
    if constraints:
        found.append(f"constraints=[{', '.join(constraints)}]")
    return found


def _module(kind: type) -> str:
    return "pw" if getattr(peewee, kind.__name__, None) is kind else "pw_pext"


def _type_arguments(field: Any) -> list[str]:
    if isinstance(field, peewee.CharField):
        return [f"max_length={field.max_length}"]
    if isinstance(field, peewee.DecimalField):
        return [f"max_digits={field.max_digits}", f"decimal_places={field.decimal_places}"]
    inner = getattr(field, "_ArrayField__field", None)
    if inner is None:
        return []
    options = dict(argument.split("=") for argument in _type_arguments(inner))
    words = ", ".join(f'"{name}": {value}' for name, value in options.items())
    return [f"{_module(type(inner))}.{type(inner).__name__}", *([f"field_kwargs={{{words}}}"] if words else [])]


def _index(index: Any) -> str:
    if not isinstance(index, peewee.Node):
        parts, unique = index
        names = ", ".join(f'"{part}"' for part in parts)
        return f"(({names}{',' if len(parts) == 1 else ''}), {unique})"
    return sql(index.safe(False) if isinstance(index, peewee.Index) else index)


def _list(name: str, values: list[str]) -> list[str]:
    if not values:
        return []
    return [f"{INDENT * 2}{name} = [", *(f"{INDENT * 3}{value}," for value in values), f"{INDENT * 2}]"]


def _quote(text: str) -> str:
    """Return a Python literal in double quotes where that needs no escapes."""
    return repr(text) if '"' in text or not re.fullmatch(r"[ -~]*", text) or "\\" in text else f'"{text}"'
