"""What will be written: new files and changed ones, worked out in memory first and written together."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from blog_app.config import ROOT
from blog_app.development.generate import GenerateError, edits


class Plan:
    """The contents that files will have, by path."""

    def __init__(self) -> None:
        self.contents: dict[Path, str] = {}

    def text(self, path: Path) -> str:
        """Return what the file will hold, which is what it holds now unless that has been changed here."""
        if path in self.contents:
            return self.contents[path]
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            raise GenerateError(f"{path.relative_to(ROOT)} is missing: this needs a whole checkout") from None

    def create(self, path: Path, text: str) -> None:
        """Plan a new file; raise `GenerateError` if there is one."""
        if path.exists():
            raise GenerateError(f"{path.relative_to(ROOT)} exists already")
        self._set(path, text)

    def change(self, path: Path, text: str) -> None:
        """Plan another text for a file that is there."""
        self._set(path, text)

    def write(self) -> None:
        """Write everything."""
        for path, text in self.contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff from what is there to what will be."""
        for path, text in self.contents.items():
            name = str(path.relative_to(ROOT))
            old = path.read_text(encoding="utf-8") if path.exists() else ""
            source = f"a/{name}" if path.exists() else "/dev/null"
            yield from difflib.unified_diff(old.splitlines(), text.splitlines(), source, f"b/{name}", lineterm="")

    def _set(self, path: Path, text: str) -> None:
        name = str(path.relative_to(ROOT))
        self.contents[path] = edits.tidy(text, name) if path.suffix == ".py" else text
