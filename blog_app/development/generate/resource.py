"""`flask generate resource`: the files of a new resource, and the lines that existing files need for it.

New are its model, schema, views, migration, seed file and tests, in files of their own where the domain has a package
`models`, `schemas` or `views`, otherwise at the end of the module of this name. Four lines go into existing files: the
blueprint into the `blueprints` of the domain, the rules into `blog_app/permissions.py`, and an import and a row of
`MAKERS` into `tests/helpers/objects.py`.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flask import Flask
from uuid_utils.compat import uuid7

from blog_app.config import ROOT
from blog_app.data import models
from blog_app.data.models import Record
from blog_app.development.generate import GenerateError
from blog_app.development.generate.fields import Field, parse
from blog_app.development.generate.names import Names, camel_case
from blog_app.development.generate.plan import Plan, render
from blog_app.development.seed import files as seed_files, sample
from blog_app.operations.migrate import files as migrations

PERMISSIONS_END = "}  # fmt: skip"
OBJECTS = "tests/helpers/objects.py"
MAKERS = "MAKERS: Mapping[str, Maker] = {\n"
READ = "Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC)"
WRITE = "Rule(NO,     NO,     NO,     ALL,    ALL)"


def plan(app: Flask, database: str, names: Names, field_texts: tuple[str, ...]) -> Plan:
    """Return the files to write for a resource in the domain of one logical database.

    Raises `GenerateError` if its name is taken, a field is not valid, or a seed file that it refers to has no row.
    """
    tables = {model._meta.table_name: model for model in models.models_of(database)}
    for name in (names.plural, names.class_name):
        if name in {*tables, *(model.__name__ for model in tables.values()), *app.blueprints}:
            raise GenerateError(f"there is something named {name!r} already")
    base = getattr(import_module(f"blog_app.{database}.models"), f"{camel_case(database)}Record", Record)
    fields = parse(field_texts, tables, base)
    values: dict[str, Any] = {
        **{"database": database, "names": names, "fields": fields, "base": base},
        "audited": tuple(each.name for each in fields if each.filterable),
        "redacted": tuple(each.name for each in fields if not each.filterable),
        "filterable": (*(each.public_name for each in fields if each.filterable), "created_at"),
        "sortable": ("created_at", *(each.name for each in fields if each.sortable)),
    }
    made = Plan()
    modules = values["modules"] = {}
    for layer in ("models", "schemas", "views"):
        modules[layer] = _add_layer(made, layer, values)
    package = f"blog_app/{database}/views" if (ROOT / f"blog_app/{database}/views").is_dir() else f"blog_app/{database}"
    made.add_element(f"{package}/__init__.py", "blueprints", names.plural)
    made.add_import(f"{package}/__init__.py", f"from {modules['views']} import {names.plural}")
    made.replace("blog_app/permissions.py", PERMISSIONS_END, _permissions(names) + PERMISSIONS_END)
    migration = migrations.next_path(database, f"add {names.plural}").relative_to(ROOT)
    made.create(str(migration), render("migration.py.jinja", **values))
    rows = [_seed_row(database, fields, number) for number in (1, 2)]
    made.create(f"seed_data/{database}/{names.plural}.json", sample.text(rows))
    test = render("test.py.jinja", **values, **_test_values(database, fields))
    made.create(f"tests/{database}/test_{names.plural}.py", test)
    row = f'    "{names.path}/{{{names.singular}_id}}": partial(row, {names.class_name}),\n'
    made.replace(OBJECTS, MAKERS, MAKERS + row)
    made.add_import(OBJECTS, f"from {modules['models']} import {names.class_name}")
    made.add_import(OBJECTS, "from functools import partial")
    made.format()
    return made


def _add_layer(made: Plan, layer: str, values: dict[str, Any]) -> str:
    """Plan the code of a layer; return the module to import it from."""
    path = f"blog_app/{values['database']}/{layer}"
    code = render(f"{layer}.py.jinja", **values)
    if (ROOT / path).is_dir():
        path = f"{path}/{values['names'].plural}"
        made.create(f"{path}.py", code)
    else:
        made.append_code(f"{path}.py", code)
    return path.replace("/", ".")


def _permissions(names: Names) -> str:
    rules = {f'"{names.plural}.list_{names.plural}":': READ, f'"{names.plural}.show_{names.singular}":': READ}
    rules |= {f'"{names.plural}.{verb}_{names.singular}":': WRITE for verb in ("create", "change", "delete")}
    width = max(map(len, rules)) + 1
    header = "# endpoint".ljust(width + len("Rule")) + "anonymous member author editor admin"
    return "\n".join(["", f"    {header}", *(f"    {name:{width}}{rule}," for name, rule in rules.items()), ""])


def _seed_row(database: str, fields: list[Field], number: int) -> dict[str, Any]:
    row: dict[str, Any] = {} if any(each.unique for each in fields) else {"id": str(uuid7())}
    for each in fields:
        if each.target is None:
            row[each.name] = each.sample(number)
        elif name := sample.reference_to(each.target, number, seed_files.FOLDER):
            row[each.name] = name
        elif each.required:
            path = f"seed_data/{database}/{each.target._meta.table_name}.json"
            raise GenerateError(f"{each.name}: {path} has no row to refer to")
    return row


def _test_values(database: str, fields: list[Field]) -> dict[str, Any]:
    """Return what the template of the tests needs: bodies as code, and the fields that the tests are about."""
    plain = [each for each in fields if each.target is None]
    references = [each for each in fields if each.target and each.required]
    body = {each.name: repr(each.sample(1)) for each in plain}
    body |= {each.public_name: f"str(objects.row({each.target.__name__}))" for each in references if each.target}
    seeds = (seed_files.FOLDER / database).glob("*.json")
    return {
        "body": "{" + ", ".join(f"{name!r}: {code}" for name, code in body.items()) + "}",
        "change": repr({each.name: each.sample(2) for each in plain[:1]}),
        "references": references,
        "refers_to_accounts": any('"accounts.' in path.read_text(encoding="utf-8") for path in seeds),
        "first_required": next((each.name for each in plain if each.required), None),
        "unique": next((each.name for each in fields if each.unique), None),
    }
