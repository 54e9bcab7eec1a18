"""The tests of a new resource, and how the tests of all resources make one of it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from blog_app.config import ROOT
from blog_app.development.generate import GenerateError, edits
from blog_app.development.generate.description import Resource
from blog_app.development.generate.fields import Field
from blog_app.development.generate.names import names_of
from blog_app.development.generate.plan import Plan

TESTS = ROOT / "tests"
OBJECTS = TESTS / "helpers" / "objects.py"
ARGUMENTS = {"owner": "somebody()", "public": "True"}
"""What a maker of tests/helpers/objects.py is given when only its row counts."""
SOMEBODY = """
def somebody() -> UUID:
    return User.create(email=f"somebody{next(_numbers)}@example.com", name="Somebody", password_hash="-").id
"""


def add(made: Plan, resource: Resource, module: str) -> None:
    """Plan the tests; `module` is where the model is imported from."""
    names = resource.names
    objects = made.text(OBJECTS)
    if names.singular in _bound(objects):
        raise GenerateError(f"{OBJECTS.relative_to(ROOT)} has something named {names.singular!r} already")
    required = [each for each in resource.fields if each.required]
    references = {each.public_name: _maker_call(each, objects) for each in required if each.target}
    plain = [each for each in resource.fields if not each.target]

    values = {each.public_name: _value(each) for each in plain if each.required} | references
    maker = resource.render("maker", values=values)
    if "somebody" in maker and "somebody" not in _bound(objects):
        maker = f"{SOMEBODY}\n\n{maker}"
    text = edits.add_before(objects, "MAKERS", maker)
    for statement in (
        f"from {module} import {names.class_name}",
        "from blog_app.accounts.models import User",
        "from uuid_utils.compat import uuid7",
    ):
        text = edits.add_import(text, statement)
    row = f'    "{names.path}/{{{names.singular}_id}}": {names.singular},'
    made.change(OBJECTS, edits.add_to_mapping(text, "MAKERS", [row]))

    body = {each.name: repr(each.sample(1)) for each in plain}
    body |= {
        name: f"str(objects.{code})".replace("(somebody()", "(objects.somebody()") for name, code in references.items()
    }
    folder = TESTS / resource.database
    if not (folder / "__init__.py").exists():
        made.create(folder / "__init__.py", "")
    made.create(
        folder / f"test_{names.plural}.py",
        resource.render(
            "test",
            body=_literal(body),
            change=_literal({each.name: repr(each.sample(2)) for each in plain[:1]}),
            references=references,
            first_required=next((each.name for each in plain if each.required), None),
            unique=next((each.name for each in resource.fields if each.unique), None),
        ),
    )


def _value(field: Field) -> str:
    """Return the code of a value of the field that no other row has, if that matters."""
    if not field.unique:
        return repr(field.sample(1))
    return {"String": 'f"Sample {next(_numbers)}"', "Integer": "next(_numbers)"}.get(field.kind.field, "uuid7()")


def _maker_call(field: Field, objects: str) -> str:
    """Return the code that makes a row of the table that the field refers to."""
    assert field.target
    wanted = names_of(field.target.__name__).singular
    for node in ast.parse(objects).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            names = [each.arg for each in node.args.args]
            if set(names) <= set(ARGUMENTS):
                return f"{wanted}({', '.join(ARGUMENTS[name] for name in names)})"
    raise GenerateError(
        f"{field.name}: tests/helpers/objects.py has no {wanted}() that makes a row to refer to without being told "
        "more; write that function first, or make the reference :optional"
    )


def _bound(source: str) -> set[str]:
    """Return the names that a module binds at its top."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {each.asname or each.name for each in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name):
            found.add(node.id)
    return found


def _literal(entries: Mapping[str, str]) -> str:
    """Return the code of a dictionary with these keys and the code of their values."""
    return "{" + ", ".join(f"{name!r}: {code}" for name, code in entries.items()) + "}"
