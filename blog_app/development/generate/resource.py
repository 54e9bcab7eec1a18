"""Works out the files of a new resource, and the lines that existing files need for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Flask
from uuid_utils.compat import uuid7

from blog_app.config import ROOT
from blog_app.data import models
from blog_app.data.models import Record
from blog_app.development.generate import GenerateError, edits, testing
from blog_app.development.generate.description import Resource
from blog_app.development.generate.fields import parse
from blog_app.development.generate.names import Names
from blog_app.development.generate.plan import Plan
from blog_app.development.seed import files as seed_files
from blog_app.development.seed import sample
from blog_app.operations.migrate import files as migrations

PERMISSIONS = ROOT / "blog_app" / "permissions.py"
READ = "Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC)"
WRITE = "Rule(NO,     NO,     NO,     ALL,    ALL)"


def describe(app: Flask, database: str, names: Names, field_texts: tuple[str, ...]) -> Resource:
    """Return the resource; raise `GenerateError` if there is something of its name, or a field that cannot be."""
    found = models.models_of(database)
    bases = [base for base in Record.__subclasses__() if base._meta.schema == database and base not in found]
    if not bases:
        raise GenerateError(f"{database} has no domain yet: there is no base of its models in blog_app/{database}/")
    taken = {model._meta.table_name for model in found} | {model.__name__ for model in found} | set(app.blueprints)
    for name in (names.plural, names.class_name):
        if name in taken:
            raise GenerateError(f"there is something named {name!r} already")
    tables = {model._meta.table_name: model for model in found}
    return Resource(database, names, tuple(parse(field_texts, tables, bases[0])), bases[0])


def plan(resource: Resource) -> Plan:
    """Return everything that has to be written; raise `GenerateError` if it cannot be."""
    made = Plan()
    names, domain = resource.names, ROOT / "blog_app" / resource.database
    model = _add_code(made, resource, "models", names.class_name)
    schema = _add_code(
        made,
        resource,
        "schemas",
        f"{names.class_name}Schema",
        model_module=model,
        filterable=(*(each.public_name for each in resource.fields if each.kind.filterable), "created_at"),
        sortable=("created_at", *(each.name for each in resource.fields if each.kind.sortable and not each.null)),
    )
    views = _add_code(made, resource, "views", None, model_module=model, schema_module=schema)
    _register(made, domain, views, names.plural)
    _add_permissions(made, names)
    made.create(migrations.next_path(resource.database, f"add {names.plural}"), resource.render("migration"))
    made.create(seed_files.FOLDER / resource.database / f"{names.plural}.json", _seed_file(resource))
    testing.add(made, resource, model)
    return made


def _add_code(made: Plan, resource: Resource, layer: str, export: str | None, **values: Any) -> str:
    """Add code to a layer of the domain: a file in its package, or more in its module. Return where to import from."""
    folder = ROOT / "blog_app" / resource.database / layer
    module = f"blog_app.{resource.database}.{layer}"
    code = resource.render(layer, **values)
    if not folder.is_dir():
        path = folder.with_suffix(".py")
        made.change(path, edits.merge(made.text(path), code, module))
        return module
    made.create(folder / f"{resource.names.plural}.py", code)
    front = folder / "__init__.py"
    if export and edits.has(made.text(front), "__all__"):
        text = edits.add_import(made.text(front), f"from {module}.{resource.names.plural} import {export}")
        made.change(front, edits.add_to_sequence(text, "__all__", f'"{export}"'))
    return f"{module}.{resource.names.plural}"


def _register(made: Plan, domain: Path, module: str, blueprint: str) -> None:
    """Add the blueprint to those of the domain."""
    for path in (domain / "views" / "__init__.py", domain / "views.py", domain / "__init__.py"):
        if path.exists() and edits.has(made.text(path), "blueprints"):
            text = edits.add_to_sequence(made.text(path), "blueprints", blueprint)
            own = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            made.change(path, text if own == module else edits.add_import(text, f"from {module} import {blueprint}"))
            return
    raise GenerateError(f"nothing in blog_app/{domain.name}/ assigns to `blueprints`")


def _add_permissions(made: Plan, names: Names) -> None:
    text = made.text(PERMISSIONS)
    column = max(line.find("Rule(") for line in text.splitlines() if line.startswith('    "'))
    endpoints = {
        f"list_{names.plural}": READ,
        f"show_{names.singular}": READ,
        f"create_{names.singular}": WRITE,
        f"change_{names.singular}": WRITE,
        f"delete_{names.singular}": WRITE,
    }
    rows = [f'    "{names.plural}.{name}": '.ljust(column) + f"{rule}," for name, rule in endpoints.items()]
    made.change(PERMISSIONS, edits.add_to_mapping(text, "PERMISSIONS", rows))


def _seed_file(resource: Resource) -> str:
    return sample.text([_seed_row(resource, number) for number in (1, 2)])


def _seed_row(resource: Resource, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {} if any(each.unique for each in resource.fields) else {"id": str(uuid7())}
    for each in resource.fields:
        if each.target is None:
            row[each.name] = each.sample(number)
        elif name := sample.name_of_row(each.target, number, seed_files.FOLDER):
            row[each.name] = name
        elif each.required:
            path = f"seed_data/{resource.database}/{each.target._meta.table_name}.json"
            raise GenerateError(f"{each.name}: {path} has no row that it could refer to")
    return row
