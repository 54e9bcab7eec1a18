"""flask generate: resources and a logical database pass every check at once, and an error changes no file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from blog_app.config import ROOT
from blog_app.development.generate import GenerateError
from blog_app.development.generate.names import Names, camel_case
from blog_app.development.generate.plan import Plan

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", ".hypothesis", ".ruff_cache", ".pytest_cache")
PROGRAMS = Path(sys.executable).parent
SUFFIXES = (".py", ".json")
TESTS = [
    f"tests/{name}.py"
    for name in (
        "blog/test_recipes",
        "blog/test_reading_lists",
        "accounts/test_badges",
        "files/test_labels",
        "crm/test_contacts",
        "crm/test_crm",
    )
]
GENERATE = """
import json, sys
from wsgi import app
for arguments in json.loads(sys.argv[1]):
    result = app.test_cli_runner().invoke(args=["generate", *arguments])
    assert result.exit_code == 0, result.output
"""
RECIPE = (
    "title:string:unique",
    "steps:text",
    "minutes:integer:optional",
    "vegan:boolean",
    "cooked_at:timestamp",
    "notes:json",
    "batch:uuid:unique",
    "category:categories:optional",
    "post:posts",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, to generate into."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("copy") / "checkout", ignore=LEFT_OUT))


def run(checkout: Path, *command: str) -> str:
    """Run a Python program in the copy; return what it says, and fail if it fails."""
    environment = {"PATH": os.environ["PATH"], "APP_MODE": "test", "DATABASE_URL": "postgresql://nowhere/none"}
    done = subprocess.run(
        [PROGRAMS / command[0], *command[1:]],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def generate(checkout: Path, *commands: list[str]) -> None:
    """Run several `flask generate` in one process, which starts the app once."""
    run(checkout, "python", "-c", GENERATE, json.dumps(commands))


def contents(checkout: Path) -> dict[Path, str]:
    """Return the files in which something could be generated."""
    folders = [checkout / name for name in ("blog_app", "migrations", "seed_data", "tests")]
    return {path: path.read_text() for folder in folders for path in folder.rglob("*.*") if path.suffix in SUFFIXES}


def fields(*texts: str) -> list[str]:
    return [argument for text in texts for argument in ("--field", text)]


@pytest.fixture(scope="module")
def generated(checkout: Path) -> Path:
    """The copy, with a logical database and five resources more."""
    generate(
        checkout,
        ["database", "crm"],
        ["resource", "recipe", "--database", "blog", *fields(*RECIPE)],
        ["resource", "badge", "--database", "accounts", *fields("user:users", "title:string:unique")],
        ["resource", "label", "--database", "files"],
    )
    generate(  # The models and the logical database that these refer to are loaded in a new process.
        checkout,
        ["resource", "reading_list", "--database", "blog", *fields("recipe:recipes:unique")],
        ["resource", "contact", "--database", "crm"],
    )
    shutil.copy(checkout / "tests/development/generated_database.py", checkout / "tests/crm/test_crm.py")
    return checkout


def test_what_is_generated_passes_all_checks_at_once(generated: Path) -> None:
    run(generated, "ruff", "check", ".")
    run(generated, "ruff", "format", "--check", ".")
    run(generated, "lint-imports")
    run(generated, "mypy")


def test_what_is_generated_passes_its_tests_at_once(generated: Path) -> None:
    others = (
        "tests/api/test_permissions.py",
        "tests/api/test_statements.py",
        "tests/operations/migrate/test_drift.py",
        "tests/operations/migrate/test_lint.py",
        "tests/operations/migrate/test_repository.py",
        "tests/operations/test_pgbouncer.py",
        "tests/test_env_example.py",
        "tests/test_health.py",
    )
    own = "recipe or contact or crm or test_reading_lists or test_badges or test_labels"
    words = f"{own} or checked_in or test_env_example or test_health"
    run(generated, "python", "-m", "pytest", *TESTS, *others, "-k", words)


def test_a_dry_run_shows_the_changes_and_makes_none(migrated_app: Flask) -> None:
    before = contents(ROOT)
    for arguments, shown in (
        (["resource", "note", "--database", "analytics"], "+class Note(Record):"),
        (["resource", "note", "--database", "shop"], "+class Note(ShopRecord):"),
        (["database", "crm"], "+class CrmRecord(Record):"),
    ):
        result = migrated_app.test_cli_runner().invoke(args=["generate", *arguments, "--dry-run"])
        assert result.exit_code == 0, result.output
        assert shown in result.output
    assert contents(ROOT) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tag"], "there is something named 'tags' already"),
        (["user"], "there is something named 'users' already"),
        (["class"], "'class' is not a valid name: it is a Python keyword"),
        (["2nd"], "'2nd' is not a valid name"),
        (["Recipe"], "'Recipe' is not a valid name"),
        (["a" * 41], "is too long"),
        (["sheep", "--plural", "sheep"], "the singular and the plural must differ"),
        (["x", "--field", "title"], "'title' is not a field: write NAME:TYPE"),
        (["x", "--field", "title:strnig"], "there is no type 'strnig', only string, text, "),
        (["x", "--field", "id:uuid"], "'id' cannot name a field"),
        (["x", "--field", "select:string"], "'select' cannot name a field"),
        (["x", "--field", "lambda:string"], "'lambda' is not a valid name"),
        (["x", "--field", "a:text", "--field", "a:string"], "two fields are named 'a'"),
        (["x", "--field", "a:text:unique"], "a field of this type cannot be unique"),
        (["x", "--field", "a:post_tags"], "post_tags has no id to refer to"),
    ],
)
def test_a_resource_that_cannot_be_generated_is_an_error_with_the_reason(
    migrated_app: Flask, arguments: list[str], message: str
) -> None:
    refuse(migrated_app, ["resource", "--database", "blog", *arguments], message)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("shop", "there is a logical database 'shop' already"),
        ("api", "'api' is taken: blog_app/api exists"),
        ("config", "'config' is taken: blog_app/config.py exists"),
        ("helpers", "'helpers' is taken: tests/helpers exists"),
        ("server", "'server' is taken: blog_app.data.databases has an attribute of this name"),
        ("order", "'order' is reserved by PostgreSQL or PgBouncer"),
        ("pg_crm", "'pg_crm' is reserved by PostgreSQL or PgBouncer"),
        ("import", "'import' is not a valid name: it is a Python keyword"),
        ("c-r-m", "'c-r-m' is not a valid name: use lower-case letters"),
    ],
)
def test_a_database_that_cannot_be_generated_is_an_error_with_the_reason(
    migrated_app: Flask, name: str, message: str
) -> None:
    refuse(migrated_app, ["database", name], message)


def refuse(app: Flask, arguments: list[str], message: str) -> None:
    before = contents(ROOT)
    result = app.test_cli_runner().invoke(args=["generate", *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert contents(ROOT) == before


def test_a_change_leaves_the_rest_of_a_file_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blog_app.development.generate.plan.ROOT", tmp_path)
    source = '"""Doc."""\n\nfrom __future__ import annotations\n\nfrom a import b\n\nx = (b,)\ny = (\n    b,  # 1\n)\n'
    (tmp_path / "m.py").write_text(source)
    plan = Plan()
    plan.add_element("m.py", "x", "c")
    plan.add_element("m.py", "y", "c")
    plan.add_import("m.py", "from a import c")
    plan.append_code("m.py", '"""Other."""\n\nfrom d import D\nfrom m import b\n\n\nclass E(D): ...\n')
    plan.format()
    expected = source.replace("import b\n", "import b, c\nfrom d import D\n").replace("(b,)", "(b, c)")
    assert plan.texts["m.py"] == expected.replace("# 1\n", "# 1\n    c,\n") + "\n\nclass E(D): ...\n"
    for change in (lambda: plan.add_element("m.py", "z", "c"), lambda: plan.replace("m.py", "b", "c")):
        with pytest.raises(GenerateError):
            change()
    assert (tmp_path / "m.py").read_text() == source


@pytest.mark.parametrize(
    ("singular", "plural"),
    [("movie", "movies"), ("category", "categories"), ("day", "days"), ("cache", "caches"), ("batch", "batches"),
     ("wish", "wishes"), ("reading_list", "reading_lists"), ("warranty", "warranties"), ("image", "images")],
)  # fmt: skip
def test_the_plural_of_a_regular_noun_follows(singular: str, plural: str) -> None:
    names = Names(singular)
    assert (names.plural, names.singular, names.class_name) == (plural, singular, camel_case(singular))


IRREGULAR = {
    **{"series": "series_list", "news": "news_items", "status": "statuses", "bus": "buses", "quiz": "quizzes"},
    **{"shelf": "shelves", "knife": "knives", "roof": "roofs", "potato": "potatoes", "photo": "photos"},
    **{"person": "people", "child": "children", "woman": "women", "mouse": "mice", "tooth": "teeth", "goose": "geese"},
    **{"index": "indexes", "matrix": "matrices", "box": "boxes", "analysis": "analyses", "datum": "data"},
    **{"criterion": "criteria", "medium": "media", "sheep": "sheep_list", "fish": "fishes", "address": "addresses"},
}


@pytest.mark.parametrize("singular", IRREGULAR)
def test_the_plural_of_an_irregular_noun_is_asked_for(singular: str) -> None:
    with pytest.raises(GenerateError, match=f"what is the plural of '{singular}'.*add --plural"):
        Names(singular)
    names = Names(singular, IRREGULAR[singular])
    assert (names.plural, names.singular) == (IRREGULAR[singular], singular)


@pytest.mark.parametrize("plural", ["movies", "series", "caches", "categories", "people", "data"])
def test_a_name_that_may_be_a_plural_is_not_taken_for_a_singular(plural: str) -> None:
    with pytest.raises(GenerateError, match="The name is in the singular"):
        Names(plural)
