"""SQL parser: statements as syntax trees, by squawk's parser for PostgreSQL (`squawk --debug parse`)."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from blog_app.operations.migrate import MigrationError

LINE = re.compile(r'^(?P<indent> *)(?P<kind>[A-Z_0-9]+)@(?P<start>\d+)\.\.(?P<end>\d+)(?P<token> ".*")?$')
INDENT = 2


@dataclass
class Node:
    """A piece of SQL: its kind (`ALTER_TABLE`, `WHERE_CLAUSE`), its text and its parts."""

    kind: str
    text: str
    parts: list[Node] = field(default_factory=list)

    def all(self, *kinds: str) -> Iterator[Node]:
        """Yield every node below this one, at any depth, that is of one of the kinds."""
        for part in self.parts:
            if part.kind in kinds:
                yield part
            yield from part.all(*kinds)

    def has(self, *kinds: str) -> bool:
        """Return whether a node of one of the kinds is below this one, at any depth."""
        return any(True for _ in self.all(*kinds))

    def part(self, *kinds: str) -> Node | None:
        """Return the first direct part of one of the kinds."""
        return next((part for part in self.parts if part.kind in kinds), None)


def run(arguments: list[str], sql: str) -> str:
    """Return what squawk, which is beside this Python or on PATH, prints about `sql`."""
    folders = [str(Path(sys.executable).parent), *os.get_exec_path()]
    program = shutil.which("squawk", path=os.pathsep.join(folders))
    if not program:
        raise MigrationError("squawk, which checks migrations, is not installed. Run pip install -r requirements.txt")
    ended = subprocess.run([program, *arguments], input=sql, capture_output=True, text=True, check=False)  # noqa: S603
    if ended.returncode not in (0, 1):
        raise MigrationError(f"squawk failed: {ended.stderr.strip()}")
    return ended.stdout


def parse(sql: str) -> list[Node]:
    """Return the statements of `sql`, without syntax errors, which squawk reports."""
    return parse_all([sql])[0]


def parse_all(texts: Sequence[str]) -> list[list[Node]]:
    """Return the statements of each text, by one run of squawk."""
    # A text may end in a comment, and with or without its semicolon.
    pieces = [f"{text}\n;\n".encode() for text in texts]
    starts = list(accumulate((len(piece) for piece in pieces), initial=0))
    found: list[list[Node]] = [[] for _ in texts]
    for start, node in _top_level(b"".join(pieces)):
        if node.kind not in ("WHITESPACE", "COMMENT", "SEMICOLON", "ERROR"):
            found[bisect_right(starts, start) - 1].append(node)
    return found


def _top_level(source: bytes) -> Iterator[tuple[int, Node]]:
    path: list[Node] = []
    for line in run(["--debug", "parse"], source.decode()).splitlines():
        found = LINE.match(line)
        if not found or not found["indent"]:
            continue
        depth = len(found["indent"]) // INDENT - 1
        start = int(found["start"])
        node = Node(found["kind"], source[start : int(found["end"])].decode())
        del path[depth:]
        if path:
            path[-1].parts.append(node)
        else:
            yield start, node
        path.append(node)
