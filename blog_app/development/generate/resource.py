"""`flask generate resource`: the files of a new resource, and the lines that existing files need for it.

New are its model, schema, views, migration, seed file and tests, in files of their own where the domain has a package
`models`, `schemas` or `views`, otherwise at the end of the module of this name. Four lines go into existing files: the
blueprint into the `blueprints` of the domain, the rules into `blog_app/permissions.py`, and an import and a row of
`MAKERS` into `tests/helpers/objects.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from uuid_utils.compat import uuid7

from blog_app.config import ROOT
from blog_app.data import models
from blog_app.data.models import Base, Record
from blog_app.development.generate import GenerateError
from blog_app.development.generate.fields import Field, parse
from blog_app.development.generate.names import Names, camel_case
from blog_app.development.generate.plan import Plan
from blog_app.development.seed import files as seed_files, sample
from blog_app.operations.migrate import files as migrations

PERMISSIONS_END = "}  # fmt: skip"
OBJECTS = "tests/helpers/objects.py"
MAKERS = "MAKERS: Mapping[str, Maker] = {\n"
READ = "Rule(PUBLIC, PUBLIC, PUBLIC, PUBLIC, PUBLIC)"
WRITE = "Rule(NO,     NO,     NO,     ALL,    ALL)"
TEMPLATES = Environment(  # noqa: S701 (the output is Python, not HTML)
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True)
class Resource:
    """A resource to generate, in the domain of one logical database."""

    database: str
    names: Names
    fields: tuple[Field, ...]
    base: type[Base]
    """The base class of the domain's models; `Record` where the domain has none."""


def describe(app: Flask, database: str, names: Names, field_texts: tuple[str, ...]) -> Resource:
    """Return the resource; raise `GenerateError` if its name is taken, or a field is not valid."""
    found = models.models_of(database)
    taken = {model._meta.table_name for model in found} | {model.__name__ for model in found} | set(app.blueprints)
    for name in (names.plural, names.class_name):
        if name in taken:
            raise GenerateError(f"there is something named {name!r} already")
    tables = {model._meta.table_name: model for model in found}
    domain_models = import_module(f"blog_app.{database}.models")
    base = getattr(domain_models, f"{camel_case(database)}Record", Record)
    return Resource(database, names, tuple(parse(field_texts, tables, base)), base)


def plan(resource: Resource) -> Plan:
    """Return the files to write; raise `GenerateError` if the resource cannot be generated."""
    made = Plan()
    names, database = resource.names, resource.database
    modules: dict[str, str] = {}
    for layer in ("models", "schemas", "views"):
        modules[layer] = _add_layer(made, resource, layer, modules)
    _register(made, database, modules["views"], names.plural)
    made.replace("blog_app/permissions.py", PERMISSIONS_END, _permissions(names) + PERMISSIONS_END)
    migration = migrations.next_path(database, f"add {names.plural}").relative_to(ROOT)
    made.create(str(migration), _render("migration", resource))
    made.create(f"seed_data/{database}/{names.plural}.json", sample.text([_seed_row(resource, n) for n in (1, 2)]))
    made.create(f"tests/{database}/test_{names.plural}.py", _render("test", resource, **_test_values(resource)))
    row = f'    "{names.path}/{{{names.singular}_id}}": partial(row, {names.class_name}),\n'
    made.replace(OBJECTS, MAKERS, MAKERS + row)
    made.add_import(OBJECTS, f"from {modules['models']} import {names.class_name}")
    made.add_import(OBJECTS, "from functools import partial")
    made.format()
    return made


def _add_layer(made: Plan, resource: Resource, layer: str, modules: dict[str, str]) -> str:
    """Plan the code of a layer; return the module to import it from."""
    path = f"blog_app/{resource.database}/{layer}"
    code = _render(layer, resource, modules=modules)
    if (ROOT / path).is_dir():
        path = f"{path}/{resource.names.plural}"
        made.create(f"{path}.py", code)
    else:
        made.append_code(f"{path}.py", code)
    return path.replace("/", ".")


def _register(made: Plan, database: str, module: str, blueprint: str) -> None:
    """Plan the blueprint among those of the domain: in its package `views`, or else in the domain's own `__init__`."""
    folder = f"blog_app/{database}"
    path = f"{folder}/views/__init__.py" if (ROOT / folder / "views").is_dir() else f"{folder}/__init__.py"
    made.add_element(path, "blueprints", blueprint)
    made.add_import(path, f"from {module} import {blueprint}")


def _permissions(names: Names) -> str:
    rules = {
        f"list_{names.plural}": READ,
        f"show_{names.singular}": READ,
        f"create_{names.singular}": WRITE,
        f"change_{names.singular}": WRITE,
        f"delete_{names.singular}": WRITE,
    }
    rows = [(f'    "{names.plural}.{name}":', rule) for name, rule in rules.items()]
    width = max(len(key) for key, _ in rows) + 1
    header = "    # endpoint".ljust(width + len("Rule")) + "anonymous member author editor admin"
    return "\n".join(["", header, *(f"{key.ljust(width)}{rule}," for key, rule in rows), ""])


def _seed_row(resource: Resource, number: int) -> dict[str, Any]:
    row: dict[str, Any] = {} if any(each.unique for each in resource.fields) else {"id": str(uuid7())}
    for each in resource.fields:
        if each.target is None:
            row[each.name] = each.sample(number)
        elif name := sample.reference_to(each.target, number, seed_files.FOLDER):
            row[each.name] = name
        elif each.required:
            path = f"seed_data/{resource.database}/{each.target._meta.table_name}.json"
            raise GenerateError(f"{each.name}: {path} has no row to refer to")
    return row


def _test_values(resource: Resource) -> dict[str, Any]:
    """Return what the template of the tests needs: bodies as code, and the fields that the tests are about."""
    plain = [each for each in resource.fields if each.target is None]
    references = [each for each in resource.fields if each.target and each.required]
    body = {each.name: repr(each.sample(1)) for each in plain}
    body |= {each.public_name: f"str(objects.row({each.target.__name__}))" for each in references if each.target}
    seeds = (seed_files.FOLDER / resource.database).glob("*.json")
    return {
        "body": "{" + ", ".join(f"{name!r}: {code}" for name, code in body.items()) + "}",
        "change": repr({each.name: each.sample(2) for each in plain[:1]}),
        "references": references,
        "refers_to_accounts": any('"accounts.' in path.read_text(encoding="utf-8") for path in seeds),
        "first_required": next((each.name for each in plain if each.required), None),
        "unique": next((each.name for each in resource.fields if each.unique), None),
    }


def _render(template: str, resource: Resource, **values: Any) -> str:
    """Return the code that a template makes of the resource and further values."""
    fields = resource.fields
    columns = {
        "audited": tuple(each.name for each in fields if each.filterable),
        "redacted": tuple(each.name for each in fields if not each.filterable),
        "filterable": (*(each.public_name for each in fields if each.filterable), "created_at"),
        "sortable": ("created_at", *(each.name for each in fields if each.sortable)),
    }
    return TEMPLATES.get_template(f"{template}.py.jinja").render(vars(resource) | columns | values)
