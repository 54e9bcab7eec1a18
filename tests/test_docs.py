"""The documents name what is there: links, paths, modules, commands with their options, make targets, settings."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest
from flask.cli import shell_command

from blog_app import cli
from blog_app.config import DATABASE_NAMES, ROOT, VERSION

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LOADER = cli.Commands("flask")
CONTEXT = click.Context(LOADER)
COMMANDS = click.Group("flask", {name: LOADER.get_command(CONTEXT, name) for name in cli.MODULES})
COMMANDS.add_command(shell_command)

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n?|^\n(?= {4}))+", re.MULTILINE)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[([^\]]*)\]\(([^()\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE = re.compile(r"(?<![\w/.])(?:blog_app|tests|benchmarks|bin)/[\w<>./-]*[\w>]")
MODULE = re.compile(r"(?<![\w/.])(?:blog_app|tests)(?:\.\w+)+(?![\w/])")
IMPORT = re.compile(r"^ *from ((?:blog_app|tests)[\w.]*) import ([\w, ]+)$", re.MULTILINE)
FLASK = re.compile(r"(?<![\w/])flask((?: [a-z]+| --env-file \S+)+)(.*)")
MAKE = re.compile(r"(?:^|[\s;&(])make((?: [a-z]+)+)")
TEST = re.compile(r"(?<!/)\b(test_\w+)(?!\w|\.py)")
SETTING = re.compile(r"^\| `([A-Z_<>]+)` \|", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]*")


def of_each(documents: list[Path] = DOCUMENTS) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", documents, ids=lambda path: str(path.relative_to(ROOT)))


def prose(document: Path) -> str:
    """Return a document without its blocks of code."""
    return INDENTED.sub("", FENCED.sub("", document.read_text()))


def code(document: Path) -> str:
    """Return the lines of a document's code: blocks with their continued lines joined, and spans."""
    text = document.read_text()
    blocks = [match[0] for match in (*FENCED.finditer(text), *INDENTED.finditer(FENCED.sub("", text)))]
    return "\n".join([*(block.replace("\\\n", " ") for block in blocks), *SPAN.findall(prose(document))])


@cache
def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    names = (re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(document)))
    return set(names)


def spelled_out(name: str) -> Iterator[str]:
    """Yield `name`; one with a placeholder for each logical database."""
    if match := re.search(r"<(?:domain|database|name|NAME)>", name):
        upper = match[0].isupper()
        yield from (name.replace(match[0], each.upper() if upper else each) for each in DATABASE_NAMES)
    else:
        yield name


def is_there(dotted: str) -> bool:
    """Return whether there is a module, or something in a module, of this name; or a logger."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found is not None or any(f'"{dotted}"' in path.read_text() for path in (ROOT / "blog_app").glob("*.py"))
    return False


def leaves(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, f"{name} {each}")
        else:
            yield f"{name} {each}", command


def options(command: click.Command) -> set[str]:
    """Return the options of a command; those of any subcommand for a group, which has one that is its default."""
    if isinstance(command, click.Group):
        return set().union(*map(options, command.commands.values()))
    found = (parameter for parameter in command.params if isinstance(parameter, click.Option))
    return {option for parameter in found for option in (*parameter.opts, *parameter.secondary_opts)}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


@of_each()
def test_every_link_leads_somewhere(document: Path) -> None:
    for text, link in LINK.findall(prose(document)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in anchors(target), f"{link}: there is no such heading"
        if text.startswith("`") and "/" in text:
            assert str(target).endswith(text.strip("`")), f"{link} is not {text}"


@of_each()
def test_every_path_and_module_exists(document: Path) -> None:
    text = document.read_text()
    for named in FILE.findall(text):
        assert any((ROOT / path).exists() for path in spelled_out(named)), f"there is no {named}"
    for name in MODULE.findall(text):
        assert (ROOT / name).exists() or is_there(name), f"there is no {name}"
    for module, names in IMPORT.findall(text):
        for name in names.split(", "):
            assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"


@of_each([document for document in DOCUMENTS if document.name != "CHANGELOG.md"])
def test_every_python_file_exists(document: Path) -> None:
    for path in re.findall(r"`([\w/]+\.py)`", prose(document)):
        assert (ROOT / path).exists() or any((ROOT / "blog_app").rglob(path)), f"there is no {path}"


def test_every_log_line_of_the_troubleshooting_exists() -> None:
    source = "".join(path.read_text() for path in (ROOT / "blog_app").rglob("*.py"))
    _, _, section = (ROOT / "docs/operations.md").read_text().partition("## Troubleshooting")
    rows = "\n".join(re.findall(r"^\|.*\|$", section, re.MULTILINE))
    lines = [line for line in SPAN.findall(rows) if "…" in line]
    assert lines
    for line in lines:
        for part in line.split("…"):
            assert part.strip(" :") in source, f"nothing logs {line!r}"


@of_each()
def test_every_test_exists(document: Path) -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    for name in TEST.findall(document.read_text()):
        assert f"def {name}(" in tests, f"there is no {name}"


@of_each()
def test_every_command_exists(document: Path) -> None:
    for words, rest in FLASK.findall(code(document)):
        command: click.Command = COMMANDS
        for word in re.sub(r"--env-file \S+", "", words).split():
            if not isinstance(command, click.Group):
                break
            assert word in command.commands, f"flask{words}: there is no {word!r}"
            command = command.commands[word]
        unknown = set(OPTION.findall(rest)) - options(command) - {"--help", "--env-file"}
        assert not unknown, f"flask{words} has no {', '.join(unknown)}"


@of_each()
def test_every_make_target_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in MAKE.findall(code(document)):
        assert set(words.split()) <= targets, f"make{words}: there is no such target"


def test_every_command_and_option_is_described() -> None:
    text = (ROOT / "docs/reference/cli.md").read_text()
    parts = re.split(r"^##+ ", text, flags=re.MULTILINE)
    sections = {
        title: rest for title, _, rest in (part.partition("\n") for part in parts) if title.startswith("flask ")
    }
    commands = dict(leaves(COMMANDS, "flask"))
    assert sections.keys() == commands.keys()
    for name, command in commands.items():
        missing = options(command) - set(OPTION.findall(sections[name])) - {"--help"}
        assert not missing, f"{name}: {', '.join(missing)} is not described"


def test_every_setting_is_described() -> None:
    described = SETTING.findall((ROOT / "docs/reference/configuration.md").read_text())
    explained = re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert {name for each in described for name in spelled_out(each)} == set(explained)
    assert len(described) == len(set(described))


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs/decisions"
    listed = {link for _, link in LINK.findall((folder / "README.md").read_text())}
    assert listed == {path.name for path in folder.glob("[0-9]*.md")}


def test_the_version_is_the_latest_release_of_the_changelog() -> None:
    released = re.findall(r"^## \[(\d.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == VERSION
