"""Edits of Python files that are there: found by the syntax tree, made in the text, so that all else stays.

Each raises `GenerateError` if the file does not have the shape it looks for.
"""

from __future__ import annotations

import ast
import subprocess
import sys

from blog_app.development.generate import GenerateError

Assignment = ast.Assign | ast.AnnAssign


def merge(existing: str, new: str, module: str) -> str:
    """Return the module `existing` with the imports and the definitions of `new`, which lose what leads to `module`."""
    tree, addition = ast.parse(existing), ast.parse(new)
    imports = [node for node in addition.body if isinstance(node, ast.Import | ast.ImportFrom)]
    wanted = [ast.unparse(node) for node in imports if getattr(node, "module", None) not in (module, "__future__")]
    lines = existing.splitlines()
    last = max((node.end_lineno or 0 for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)), default=1)
    body = new.splitlines()[max(node.end_lineno or 0 for node in imports) :]
    return "\n".join([*lines[:last], *wanted, *lines[last:], "", "", *body]).rstrip() + "\n"


def add_import(existing: str, statement: str) -> str:
    """Return the module with one more import."""
    return merge(existing, statement, "")


def add_to_sequence(existing: str, name: str, code: str) -> str:
    """Return the module with one more element in the tuple or list `name`."""
    node = _assignment(existing, name).value
    if not isinstance(node, ast.Tuple | ast.List) or not node.elts:
        raise GenerateError(f"{name} is not a tuple or list with something in it")
    last = node.elts[-1]
    return _insert(existing, last.end_lineno or 0, last.end_col_offset or 0, f", {code}")


def add_to_mapping(existing: str, name: str, lines: list[str]) -> str:
    """Return the module with these lines before the end of the dictionary `name`."""
    node = _assignment(existing, name).value
    if not isinstance(node, ast.Dict) or node.end_lineno == node.lineno:
        raise GenerateError(f"{name} is not a dictionary of several lines")
    text = existing.splitlines(keepends=True)
    end = (node.end_lineno or 0) - 1
    return "".join([*text[:end], *(f"{line}\n" for line in lines), *text[end:]])


def add_before(existing: str, name: str, code: str) -> str:
    """Return the module with a definition before the assignment to `name`."""
    line = _assignment(existing, name).lineno - 1
    text = existing.splitlines(keepends=True)
    return "".join([*text[:line], code.strip(), "\n\n\n", *text[line:]])


def has(existing: str, name: str) -> bool:
    """Return whether the module assigns to `name` at its top."""
    return _find(existing, name) is not None


def tidy(text: str, path: str) -> str:
    """Return Python code in this project's format, its imports in order."""
    for arguments in (["check", "--select", "I001,F401,RUF022", "--fix", "--quiet"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", path, "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603 (our own)
        if done.returncode:
            raise GenerateError(f"ruff cannot format {path}: {done.stderr.strip() or 'is it installed?'}")
        text = done.stdout
    return text


def _find(existing: str, name: str) -> Assignment | None:
    for node in ast.parse(existing).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, Assignment) and any(isinstance(each, ast.Name) and each.id == name for each in targets):
            return node
    return None


def _assignment(existing: str, name: str) -> Assignment:
    node = _find(existing, name)
    if node is None:
        raise GenerateError(f"there is no {name} where it is expected")
    return node


def _insert(text: str, line: int, column: int, code: str) -> str:
    lines = text.splitlines(keepends=True)
    raw = lines[line - 1].encode()
    lines[line - 1] = (raw[:column] + code.encode() + raw[column:]).decode()
    return "".join(lines)
