"""The files to write: new ones and changed ones, worked out in memory first and written together."""

from __future__ import annotations

import difflib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from blog_app.config import ROOT
from blog_app.development.generate import GenerateError

FIRST_IMPORT = re.compile(r"^(?=import |from (?!__future__))", re.MULTILINE)
TEMPLATES = Environment(  # noqa: S701 (the output is Python, not HTML)
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
)


class Plan:
    """New texts of files, by path in the repository."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def text(self, path: str) -> str:
        """Return the planned text of a file, or else its present one; raise `GenerateError` if there is neither."""
        if path in self.texts:
            return self.texts[path]
        try:
            return (ROOT / path).read_text(encoding="utf-8")
        except OSError:
            raise GenerateError(f"{path} is missing: run this in a complete checkout") from None

    def create(self, path: str, text: str) -> None:
        """Plan a new file; raise `GenerateError` if there is one."""
        if (ROOT / path).exists():
            raise GenerateError(f"{path} exists already")
        self.texts[path] = text

    def append_code(self, path: str, code: str) -> None:
        """Plan the imports of `code` at the top of a module, and its other lines at the end."""
        lines = code.splitlines()
        is_import = [line.startswith(("import ", "from ")) for line in lines]
        own = f"from {path.removesuffix('.py').replace('/', '.')} "
        imports = [line for line, found in zip(lines, is_import, strict=True) if found and not line.startswith(own)]
        body = lines[len(lines) - is_import[::-1].index(True) :]
        self.texts[path] = _with_imports(path, "\n".join([self.text(path), "", *body, ""]), imports)

    def add_import(self, path: str, line: str) -> None:
        """Plan one more import of a module."""
        self.texts[path] = _with_imports(path, self.text(path), [line])

    def add_element(self, path: str, name: str, code: str) -> None:
        """Plan one more element at the end of the tuple that a module assigns to `name`."""
        match = re.search(rf"^{name}\b.* = \(([^()]*)\)", self.text(path), re.MULTILINE)
        if match is None:
            raise GenerateError(f"{path} does not assign a tuple to {name}")
        elements = match[1].rstrip()
        if "\n" in elements:
            changed = f"{elements}\n{code},\n"
        else:
            changed = f"{elements.removesuffix(',')}, {code}" if elements else f"{code},"
        self.texts[path] = match.string[: match.start(1)] + changed + match.string[match.end(1) :]

    def replace(self, path: str, old: str, new: str) -> None:
        """Plan another text for one that occurs once in a file; raise `GenerateError` if it does not."""
        text = self.text(path)
        if text.count(old) != 1:
            raise GenerateError(f"{path} must contain {old.strip()!r} once, not {text.count(old)} times")
        self.texts[path] = text.replace(old, new)

    def format(self) -> None:
        """Format the Python code and sort its imports; raise `GenerateError` if it is not valid."""
        for path, text in self.texts.items():
            self.texts[path] = _formatted(path, text) if path.endswith(".py") else text

    def write(self) -> None:
        """Write all files."""
        for path, text in self.texts.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text, encoding="utf-8")

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff from the present files to the planned ones."""
        for path, text in self.texts.items():
            exists = (ROOT / path).exists()
            old = (ROOT / path).read_text(encoding="utf-8").splitlines() if exists else []
            source = f"a/{path}" if exists else "/dev/null"
            yield from difflib.unified_diff(old, text.splitlines(), source, f"b/{path}", lineterm="")


def render(template: str, **values: Any) -> str:
    return TEMPLATES.get_template(template).render(values)


def _with_imports(path: str, text: str, lines: list[str]) -> str:
    """Return a module with more imports; `format` sorts and merges them."""
    first = FIRST_IMPORT.search(text)
    if first is None:
        raise GenerateError(f"{path} has no import to put others beside")
    return text[: first.start()] + "".join(f"{line}\n" for line in lines) + text[first.start() :]


def _formatted(path: str, text: str) -> str:
    for arguments in (["check", "--select", "I001,F401,RUF022", "--fix", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", path, "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603
        if done.returncode:
            raise GenerateError(f"ruff cannot format {path}: {done.stderr.strip() or 'is it installed?'}")
        text = done.stdout
    return text
