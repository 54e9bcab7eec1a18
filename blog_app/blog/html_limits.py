"""Limits for HTML, before an HTML5 parser sees it: nesting depth, number of elements, and copies of elements.

An HTML5 parser copies formatting elements that are still open (`<b>`, `<a href=…>`) into every following block. A short
source can so become a document of any size: a decompression bomb. Deep nesting exhausts the parser's stack.

Guarantee: what `limit_html` returns holds only allowed elements and attributes, and no comment, CDATA, foreign content
or raw text, so that the few rules of the parser that are followed here are all that apply. It makes at most
`MAX_ELEMENTS` elements, `MAX_DEPTH` deep, and copies of at most the given size. Where it is uncertain whether an end
tag ends a formatting element, it counts as open. Time and memory are linear in the length of the source.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from heapq import heappop, heappush

from blog_app.errors import Invalid, invalid

MAX_ELEMENTS = 20_000
MAX_DEPTH = 100
MAX_ADOPTIONS = 8
"""How often the adoption agency algorithm of HTML copies formatting elements for one misnested end tag."""
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
PHRASING = {"abbr", "del", "ins", "kbd", "mark", "samp", "span", "sub", "sup", "var"}
HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
CELLS = {"td", "th"}
ROWS = CELLS | {"tr"}
SCOPE = CELLS | {"table"}
DESCRIPTIONS = {"dd", "dt"}
BLOCKS = (
    {"blockquote", "div", "dl", "figcaption", "figure", "hr", "li", "ol", "p", "pre", "tbody", "thead", "tr", "ul"}
    | (HEADINGS | SCOPE | DESCRIPTIONS)
)  # fmt: skip
TABLE_PARENTS = {
    "thead": ("table",),
    "tbody": ("table",),
    "tr": ("table", "thead", "tbody"),
    "td": ("table", "thead", "tbody", "tr"),
    "th": ("table", "thead", "tbody", "tr"),
}
"""The elements that may be the parent of a part of a table; its start tag closes what is open in the last of them."""
END_TAGS: dict[str, tuple[Container[str], Container[str]]] = {
    **{name: ({name}, SCOPE) for name in BLOCKS},
    **{name: ({name}, {"table"}) for name in TABLE_PARENTS},
    **{name: ({name}, BLOCKS) for name in PHRASING},
    **dict.fromkeys(HEADINGS, (HEADINGS, SCOPE)),
    "li": ({"li"}, SCOPE | {"ol", "ul"}),
    "table": ({"table"}, ()),
}
"""What an end tag closes: the last open of the first elements, unless one of the second is open inside it."""


def limit_html(source: str, allowed: Mapping[str, Container[str]], max_copies: int) -> str:
    """Return the HTML with nothing but elements and attributes that are `allowed`; raise `Invalid` for too much of it.

    `max_copies` is the size in characters that a parser may add to it by copying formatting elements.
    """
    result: list[str] = []
    tree = _Tree(max_copies)
    position = 0
    while token := TOKEN.search(source, position):
        if token.start() > position:
            tree.add_text()
            # What is left of a tag must not become one when its neighbour is removed.
            result.append(source[position : token.start()].replace("<", "&lt;"))
        position = token.end()
        if token["name"] is None:
            continue
        name = token["name"].lower()
        if not token["end"]:
            position = len(source)
        elif name in SKIPPED and not token["slash"]:
            end = SKIPPED[name].search(source, position)
            position = end.start() if end else len(source)
        elif name in allowed and not (token["slash"] and name in VOID):
            if token["slash"]:
                result.append(tree.end(name))
            else:
                result.append(tree.start(name, f"<{name}{_attributes(token['attributes'], allowed[name])}>"))
    if position < len(source):
        tree.add_text()
        result.append(source[position:].replace("<", "&lt;"))
    return "".join(result)


def _attributes(source: str, allowed: Container[str]) -> str:
    """Return the allowed attributes of a tag, each with a space before it; of several with one name, the first."""
    found: dict[str, str] = {}
    for attribute in ATTRIBUTE.finditer(source):
        name = attribute[1].lower()
        if name in allowed:
            found.setdefault(name, " " + attribute[0])
    return "".join(found.values())


class _Tree:
    """The elements that a parser has open, and how many elements it makes and copies.

    The same elements are open here as in a parser: tags that it ignores are left out, and end tags that it may imply
    are added. Of formatting elements, at least as many are open here.
    """

    def __init__(self, max_copies: int):
        self.elements = 0
        self.copies_left = max_copies
        self.names = ["html"]
        """The open elements that are not formatting elements; "" for one that a parser may have closed."""
        self.formatting: list[Counter[str]] = [Counter()]
        """For each of them, the formatting elements that were opened directly in it and not closed."""
        self.plain: Counter[str] = Counter()
        """The open formatting elements without attributes."""
        self.sizes: dict[str, list[int]] = {name: [] for name in FORMATTING}
        """The sizes of those with attributes, a heap for each name."""
        self.uncertain: set[str] = set()
        """Those of which a parser may have forgotten one that is still open, by the Noah's Ark clause."""
        self.open_formatting = 0
        self.copied_elements = 0
        self.copied_size = 0
        """The number of all of them; and the number and size of those that a parser copies into one block."""
        self.is_closed = False
        """Whether a formatting element may have been closed that the next text opens again."""

    def add_text(self) -> None:
        """Open formatting elements again, as text does."""
        if self.is_closed:
            self.is_closed = False
            self._copy(1)

    def start(self, name: str, tag: str) -> str:
        """Open an element; return its start tag, after the end tags that it needs, or "" if a parser ignores it."""
        before = ""
        if name == "a" or (name in HEADINGS and self.names[-1] in HEADINGS):
            before = self.end(name)
        self._count(1)
        if name in BLOCKS:
            self.is_closed = True
            return before + tag if self._start_block(name) else before
        self.add_text()
        if name in FORMATTING:
            self._open_formatting(name, tag)
        elif name in PHRASING:
            self._push(name)
        return before + tag

    def end(self, name: str) -> str:
        """Close an element; return its end tag, after others that it needs, or "" if none is open."""
        self.is_closed = True
        if name in FORMATTING:
            return self._end_formatting(name)
        return f"</{name}>" if self._close(*END_TAGS[name]) else ""

    def _start_block(self, name: str) -> bool:
        if name == "li":
            self._close({"li"}, BLOCKS - {"div", "p"})
        elif name in DESCRIPTIONS:
            self._close(DESCRIPTIONS, BLOCKS - {"div", "p"})
        elif name == "table":
            self._close({"table"}, CELLS)
        if parents := TABLE_PARENTS.get(name):
            if "table" not in self.names:
                return False
            while self.names[-1] not in parents:
                self._pop()
            if name in ROWS and self.names[-1] == "table":
                self._push("tbody")
                self._count(1)
            if name in CELLS and self.names[-1] != "tr":
                self._push("tr")
                self._count(1)
        else:
            self._close({"p"}, SCOPE)
        if name not in VOID:
            self._push(name)
        return True

    def _close(self, targets: Container[str], barriers: Container[str]) -> bool:
        for index in range(len(self.names) - 1, 0, -1):
            if self.names[index] in targets:
                while len(self.names) > index:
                    self._pop()
                return True
            if self.names[index] in barriers:
                return False
        return False

    def _push(self, name: str) -> None:
        self.names.append(name)
        self.formatting.append(Counter())
        self._require_depth()

    def _pop(self) -> str:
        self.formatting.pop()
        return self.names.pop()

    def _open_formatting(self, name: str, tag: str) -> None:
        self.formatting[-1][name] += 1
        self.open_formatting += 1
        self._require_depth()
        if self.plain[name] >= MAX_IDENTICAL or len(self.sizes[name]) >= MAX_IDENTICAL:
            self.uncertain.add(name)
        if len(tag) > len(name) + 2:
            heappush(self.sizes[name], len(tag))
        else:
            self.plain[name] += 1
            if self.plain[name] > MAX_IDENTICAL:
                return
        self.copied_elements += 1
        self.copied_size += len(tag) + len(name) + 3

    def _end_formatting(self, name: str) -> str:
        if not self.plain[name] and not self.sizes[name]:
            return ""
        ends = []
        while not self.formatting[-1][name] and self.names[-1] in PHRASING:
            ends.append(f"</{self._pop()}>")
        ends.append(f"</{name}>")
        if self.formatting[-1][name]:
            self.formatting[-1][name] -= 1
            self._close_smallest(name)
        else:
            self._copy(MAX_ADOPTIONS)
            self.names = ["" if name in PHRASING else name for name in self.names]
            is_reached = len(self.names) < MAX_ADOPTIONS and SCOPE.isdisjoint(self.names)
            if is_reached and name not in self.uncertain:
                self._close_smallest(name)
        return "".join(ends)

    def _close_smallest(self, name: str) -> None:
        """Close the smallest formatting element of this name; a parser closes it or a larger one."""
        self.open_formatting -= 1
        if self.plain[name]:
            size = len(name) + 2
            self.plain[name] -= 1
            if self.plain[name] >= MAX_IDENTICAL:
                return
        else:
            size = heappop(self.sizes[name])
        self.copied_elements -= 1
        self.copied_size -= size + len(name) + 3

    def _copy(self, times: int) -> None:
        self._count(self.copied_elements * times)
        self.copies_left -= self.copied_size * times
        if self.copies_left < 0:
            raise _too_much("Close formatting elements such as <b> and <a> in the block in which they are opened.")

    def _count(self, elements: int) -> None:
        self.elements += elements
        if self.elements > MAX_ELEMENTS:
            raise _too_much(
                f"At most {MAX_ELEMENTS} elements are allowed. Unclosed formatting elements count in every block."
            )

    def _require_depth(self) -> None:
        if len(self.names) + self.open_formatting > MAX_DEPTH:
            raise _too_much(f"Elements cannot be nested more than {MAX_DEPTH} levels deep. Close those that are open.")


def _too_much(detail: str) -> Invalid:
    return invalid("content", detail)
