"""Limits for HTML, before an HTML5 parser sees it: nesting depth, number of elements, and copies of elements.

An HTML5 parser copies formatting elements that are still open (`<b>`, `<a href=…>`) into every following block. A short
source can so become a document of any size: a decompression bomb. Deep nesting exhausts the parser's stack.

Guarantee: what `limit_html` returns is well-formed, so that a parser has nothing to copy: the copies are in it, as far
as they stay below the given size. It has at most `MAX_ELEMENTS` elements, `MAX_DEPTH` deep, only allowed elements and
attributes, and no comment, CDATA, foreign content or raw text. Time and memory are linear in the length of the source.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping

from blog_app.errors import Invalid, invalid

MAX_ELEMENTS = 20_000
MAX_DEPTH = 100
MAX_IDENTICAL = 3
"""Of identical formatting elements, HTML copies at most this many into a block (the "Noah's Ark clause")."""

SPACE = r"\t\n\f\r "
ATTRIBUTE = re.compile(
    rf"""([^{SPACE}/>][^{SPACE}/>=]*+)"""
    rf"""(?:[{SPACE}]*+=[{SPACE}]*+(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^{SPACE}>"'][^{SPACE}>]*+|))?+"""
)
TOKEN = re.compile(
    rf"<(?P<slash>/?)(?P<name>[a-zA-Z][^{SPACE}/>]*+)"
    rf"(?P<attributes>(?:[{SPACE}/]++|{ATTRIBUTE.pattern.replace('(', '(?:', 1)})*+)(?P<end>>?)"
    r"|<!--(?:-?>|.*?(?:--!?>|\Z))|<[!?/][^>]*+>?",
    re.DOTALL,
)
"""A tag, comment, or what HTML takes for a comment. A tag without `end` is cut off by the end of the source."""
SKIPPED = {name: re.compile(rf"</{name}[{SPACE}/>]", re.IGNORECASE) for name in ("script", "style")}
"""Elements that are removed with their content, and where that ends."""

VOID = {"br", "hr", "img"}
FORMATTING = {"a", "b", "code", "em", "i", "s", "small", "strong", "u"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
CELLS = {"td", "th"}
ROWS = CELLS | {"tr"}
TABLE = {"table", "thead", "tbody", "tr"}
SCOPE = CELLS | {"table"}
DESCRIPTIONS = {"dd", "dt"}
BLOCKS = (
    {"blockquote", "div", "dl", "figcaption", "figure", "hr", "li", "ol", "p", "pre", "tbody", "thead", "tr", "ul"}
    | (HEADINGS | SCOPE | DESCRIPTIONS)
)  # fmt: skip
TABLE_PARENTS = {
    "thead": ("table",),
    "tbody": ("table",),
    "tr": ("thead", "tbody"),
    "td": ("tr",),
    "th": ("tr",),
}
"""The elements that may be the parent of a part of a table."""
CLOSED_BY_START: dict[str, tuple[Container[str], Container[str]]] = {
    "li": ({"li"}, BLOCKS - {"div", "p"}),
    "dd": (DESCRIPTIONS, BLOCKS - {"div", "p"}),
    "dt": (DESCRIPTIONS, BLOCKS - {"div", "p"}),
    "table": ({"table"}, CELLS),
}
"""What a start tag closes, besides a paragraph: see `CLOSED_BY_END`."""
CLOSED_BY_END: dict[str, tuple[Container[str], Container[str]]] = {
    **{name: ({name}, SCOPE) for name in BLOCKS},
    **{name: ({name}, {"table"}) for name in TABLE_PARENTS},
    **dict.fromkeys(HEADINGS, (HEADINGS, SCOPE)),
    "li": ({"li"}, SCOPE | {"ol", "ul"}),
    "table": ({"table"}, ()),
}
"""What an end tag closes: the last open of the first elements, unless one of the second is open inside it. Of an
element that is not here, the second are `BLOCKS`."""


def limit_html(source: str, allowed: Mapping[str, Container[str]], max_copies: int) -> str:
    """Return well-formed HTML of elements and attributes that are `allowed`; raise `Invalid` for too much of it.

    `max_copies` is the size in characters of what may be added to it.
    """
    writer = _Writer(len(source) + max_copies)
    position = 0
    while token := TOKEN.search(source, position):
        if token.start() > position:
            # What is left of a tag must not become one when its neighbour is removed.
            writer.text(source[position : token.start()].replace("<", "&lt;"))
        position = token.end()
        if token["name"] is None:
            continue
        name = token["name"].lower()
        if not token["end"]:
            position = len(source)
        elif name in SKIPPED and not token["slash"]:
            end = SKIPPED[name].search(source, position)
            position = end.start() if end else len(source)
        elif name not in allowed:
            pass
        elif not token["slash"]:
            writer.start(name, f"<{name}{_attributes(token['attributes'], allowed[name])}>")
        elif name not in VOID:
            writer.end(name)
    if position < len(source):
        writer.text(source[position:].replace("<", "&lt;"))
    return writer.finish()


def _attributes(source: str, allowed: Container[str]) -> str:
    """Return the allowed attributes of a tag, each with a space before it; of several with one name, the first."""
    found: dict[str, str] = {}
    for attribute in ATTRIBUTE.finditer(source):
        name = attribute[1].lower()
        if name in allowed:
            found.setdefault(name, " " + attribute[0])
    return "".join(found.values())


class _Writer:
    """Writes elements as a parser would nest them, and closes each inside the one in which it was opened."""

    def __init__(self, max_length: int):
        self.result: list[str] = []
        self.left = max_length
        self.elements = 0
        self.names: list[str] = []
        """The open elements, and their start tags."""
        self.tags: list[str] = []
        self.pending: list[tuple[str, str]] = []
        """The formatting elements that were closed with their block: the next text or inline element opens them."""

    def text(self, text: str) -> None:
        """Write text, after the formatting elements that it opens again."""
        if not (self.names and self.names[-1] in TABLE and text.isspace()):
            self._reopen()
        self._write(text)

    def start(self, name: str, tag: str) -> None:
        """Write a start tag, after the tags that it implies, unless a parser ignores it."""
        if name == "a":
            self.end(name)
        if name in TABLE_PARENTS:
            if "table" not in self.names:
                return
            self._start_in_table(name)
        elif name in BLOCKS:
            if name in CLOSED_BY_START:
                self._close_last(*CLOSED_BY_START[name])
            self._close_last({"p"}, SCOPE)
            if name in HEADINGS and self.names and self.names[-1] in HEADINGS:
                self._close(len(self.names) - 1)
        else:
            self._reopen()
        self._open(name, tag)

    def end(self, name: str) -> None:
        """Write an end tag, after the tags that it implies, unless a parser ignores it."""
        if name not in FORMATTING:
            self._close_last(*CLOSED_BY_END.get(name, ({name}, BLOCKS)))
            return
        for index in reversed(range(len(self.pending))):
            if self.pending[index][0] == name:
                del self.pending[index]
                return
        # Blocks that are open inside it are split.
        for inner, tag in self._close_last({name}, SCOPE, suspend=False)[1:]:
            if inner in FORMATTING:
                self.pending.append((inner, tag))
            else:
                self._reopen()
                self._open(inner, tag)

    def finish(self) -> str:
        """Close what is open; return what was written."""
        self._close(0)
        return "".join(self.result)

    def _start_in_table(self, name: str) -> None:
        while self.names[-1] not in TABLE_PARENTS[name] and self.names[-1] != "table":
            self._close(len(self.names) - 1)
        if self.names[-1] == "table" and name in ROWS:
            self._open("tbody", "<tbody>")
        if self.names[-1] != "tr" and name in CELLS:
            self._open("tr", "<tr>")
        if name in CELLS:
            self.pending.clear()

    def _open(self, name: str, tag: str) -> None:
        self._write(tag)
        self.elements += 1
        if self.elements > MAX_ELEMENTS:
            raise _too_much(
                f"At most {MAX_ELEMENTS} elements are allowed. Unclosed formatting elements count in every block."
            )
        if name not in VOID:
            self.names.append(name)
            self.tags.append(tag)
            if len(self.names) >= MAX_DEPTH:
                raise _too_much(
                    f"Elements cannot be nested more than {MAX_DEPTH} levels deep. Close those that are open."
                )

    def _reopen(self) -> None:
        pending, self.pending = self.pending, []
        for name, tag in pending:
            self._open(name, tag)

    def _close_last(
        self, targets: Container[str], barriers: Container[str], *, suspend: bool = True
    ) -> list[tuple[str, str]]:
        """Close the last open target and what is open inside it; return them, or nothing if there is a barrier."""
        for index in reversed(range(len(self.names))):
            if self.names[index] in targets:
                return self._close(index, suspend=suspend)
            if self.names[index] in barriers:
                break
        return []

    def _close(self, index: int, *, suspend: bool = True) -> list[tuple[str, str]]:
        """Close the open elements from this one on, and return them; text opens the formatting elements again."""
        closed = list(zip(self.names[index:], self.tags[index:], strict=True))
        for name, _ in reversed(closed):
            self._write(f"</{name}>")
        del self.names[index:], self.tags[index:]
        if not CELLS.isdisjoint(name for name, _ in closed):
            self.pending.clear()
        elif suspend:
            for each in closed:
                if each[0] in FORMATTING:
                    if self.pending.count(each) >= MAX_IDENTICAL:
                        self.pending.remove(each)
                    self.pending.append(each)
        return closed

    def _write(self, text: str) -> None:
        self.left -= len(text)
        if self.left < 0:
            raise _too_much("Close formatting elements such as <b> and <a> in the block in which they are opened.")
        self.result.append(text)


def _too_much(detail: str) -> Invalid:
    return invalid("content", detail)
