"""flask generate resource: what it makes runs and passes every check, and what it refuses leaves no trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from blog_app.config import ROOT
from blog_app.development.generate import GenerateError, edits
from blog_app.development.generate.names import names_of

LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".hypothesis", ".ruff_cache", ".pytest_cache")
PROGRAMS = Path(sys.executable).parent
SUFFIXES = (".py", ".json")
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


def contents(checkout: Path) -> dict[Path, str]:
    """Return the files in which something could be generated."""
    folders = [checkout / name for name in ("blog_app", "migrations", "seed_data", "tests")]
    return {path: path.read_text() for folder in folders for path in folder.rglob("*.*") if path.suffix in SUFFIXES}


def fields(*texts: str) -> list[str]:
    return [argument for text in texts for argument in ("--field", text)]


@pytest.fixture(scope="module")
def generated(checkout: Path) -> Path:
    """The copy, with three resources more."""
    command = ("flask", "--app", "wsgi", "generate", "resource")
    before = contents(checkout)
    shown = run(checkout, *command, "recipe", "--database", "blog", *fields(*RECIPE), "--dry-run")
    assert contents(checkout) == before
    assert "class Recipe(BlogRecord):" in shown
    run(checkout, *command, "recipe", "--database", "blog", *fields(*RECIPE))
    run(checkout, *command, "ReadingLists", "--database", "blog", "--field", "recipe:recipes:unique")
    run(checkout, *command, "badge", "--database", "accounts", *fields("user:users", "title:string:unique"))
    return checkout


OWN = ("tests/blog/test_recipes.py", "tests/blog/test_reading_lists.py", "tests/accounts/test_badges.py")


def test_what_is_generated_passes_all_checks_at_once(generated: Path) -> None:
    touched = (
        "blog_app/accounts",
        "blog_app/blog",
        "blog_app/permissions.py",
        "migrations",
        "tests/helpers/objects.py",
    )
    run(generated, "ruff", "check", *touched, *OWN)
    run(generated, "ruff", "format", "--check", *touched, *OWN)
    run(generated, "lint-imports")
    run(generated, "mypy")


def test_what_is_generated_passes_its_tests_at_once(generated: Path) -> None:
    others = (
        "tests/api/test_permissions.py",
        "tests/api/test_statements.py",
        "tests/operations/migrate/test_repository.py",
    )
    run(generated, "pytest", *OWN, *others, "-k", "recipe or test_reading_lists or test_badges or down_to_zero")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tag"], "there is something named 'tags' already"),
        (["Tags"], "there is something named 'tags' already"),
        (["user"], "there is something named 'users' already"),
        (["class"], "'class' is no usable name"),
        (["2nd"], "'2nd' is no usable name"),
        (["a" * 41], "is too long"),
        (["sheep", "--plural", "sheep"], "need two names"),
        (["x", "--field", "title"], "'title' is no field: write NAME:TYPE"),
        (["x", "--field", "title:strnig"], "there is no type 'strnig', only string, text, "),
        (["x", "--field", "id:uuid"], "'id' cannot name a field"),
        (["x", "--field", "select:string"], "'select' cannot name a field"),
        (["x", "--field", "lambda:string"], "'lambda' is no usable name"),
        (["x", "--field", "a:text", "--field", "a:string"], "two fields are named 'a'"),
        (["x", "--field", "a:text:unique"], "a field of this type cannot be unique"),
        (["x", "--field", "a:post_tags"], "post_tags has no identifier to refer to"),
        (["x", "--database", "analytics"], "analytics has no domain yet"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(migrated_app: Flask, arguments: list[str], message: str) -> None:
    before = contents(ROOT)
    result = migrated_app.test_cli_runner().invoke(
        args=["generate", "resource", "--database", "blog", *arguments, "--dry-run"]
    )
    assert result.exit_code == 1
    assert message in result.output
    assert contents(ROOT) == before


@pytest.mark.parametrize(
    ("given", "singular", "plural"),
    [
        ("recipe", "recipe", "recipes"),
        ("recipes", "recipe", "recipes"),
        ("ReadingList", "reading_list", "reading_lists"),
        ("friend-request", "friend_request", "friend_requests"),
        ("category", "category", "categories"),
        ("categories", "category", "categories"),
        ("day", "day", "days"),
        ("box", "box", "boxes"),
        ("boxes", "box", "boxes"),
        ("branches", "branch", "branches"),
        ("bus", "bus", "buses"),
        ("address", "address", "addresses"),
        ("addresses", "address", "addresses"),
        ("bookshelves", "bookshelf", "bookshelves"),
        ("person", "person", "people"),
        ("sales_people", "sales_person", "sales_people"),
        ("tomatoes", "tomato", "tomatoes"),
    ],
)
def test_one_and_many_are_found_from_either(given: str, singular: str, plural: str) -> None:
    names = names_of(given)
    assert (names.singular, names.plural) == (singular, plural)


def test_an_edit_leaves_the_rest_of_a_file_as_it_is() -> None:
    source = '"""Doc."""\n\nfrom a import b\n\nthings = (\n    b,  # first\n)\ntable = {\n    "x":   1,\n}\n'
    assert edits.add_to_sequence(source, "things", "c") == source.replace("b,  #", "b, c,  #")
    assert edits.add_to_mapping(source, "table", ['    "y":   2,']) == source.replace("1,\n", '1,\n    "y":   2,\n')
    assert edits.add_before(source, "things", "x = 1") == source.replace("things", "x = 1\n\n\nthings")
    for edit in (edits.add_to_sequence, edits.add_to_mapping):
        with pytest.raises(GenerateError, match="there is no nothing"):
            edit(source, "nothing", "x")
